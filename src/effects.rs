//! What is done to the world: durable intents become reports of what happened.
