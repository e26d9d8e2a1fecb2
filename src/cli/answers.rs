//! Reading an answers file (`--answers FILE`).
//!
//! The types are those of scenarios, so that what was rehearsed can be run. A mistake is
//! an error with its place: an answer that is silently left out would let an unattended
//! session stop where its author thought it goes on.

use std::io::Read;
use std::path::Path;

use crate::config::yaml_message;
use crate::error::Problem;
use crate::world::answers::Answers;

/// An answers file larger than this is a mistake.
const SIZE_LIMIT: u64 = 1 << 20;

/// Reads an answers file.
///
/// # Errors
/// A [`Problem`] with the place of the mistake.
pub fn load(path: &Path) -> Result<Answers, Problem> {
    let unreadable = |e: std::io::Error| {
        Problem::cannot_start(format!("the answers file cannot be read: {e}"))
            .at(path.display())
            .hint("check the path given with --answers")
    };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(SIZE_LIMIT + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > SIZE_LIMIT {
        return Err(Problem::cannot_start(format!("the answers file is larger than {SIZE_LIMIT} bytes")).at(path.display()));
    }
    parse(&path.display().to_string(), &text)
}

fn parse(name: &str, text: &str) -> Result<Answers, Problem> {
    let answers: Answers = serde_saphyr::from_str(text).map_err(|e| {
        let place = e.location().map_or_else(|| name.to_owned(), |l| format!("{name}:{}:{}", l.line(), l.column()));
        Problem::cannot_start(format!("the answers file is wrong: {}", yaml_message(&e)))
            .at(place)
            .hint("its keys are inputs, steps, guards and otherwise")
    })?;
    // A failed step is answered with one of these words, a decision with the key of an option.
    let word = |key: &str| ["retry", "continue", "abort", "rollback"].contains(&key);
    let long =
        answers.steps.iter().find(|(_, step)| step.choose.as_ref().is_some_and(|key| key.chars().count() != 1 && !word(key)));
    if let Some((path, _)) = long {
        return Err(Problem::cannot_start(format!(
            "`choose` for the step {path} is neither one letter nor retry, continue, abort or rollback"
        ))
        .at(name)
        .hint("name the option by its key, as the runbook does"));
    }
    Ok(answers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::Value;
    use crate::world::answers::{Otherwise, UnknownAnswer};

    #[test]
    fn the_example_of_the_format_is_read() {
        let text = "inputs: {version: v1.2.4, weight: 10}\nsteps: {\"shift[10]/soak\": {unknown: look}, verdict: {choose: b, reason: errors}}\n\
                    guards: {errors-up: {choose: snooze, reason: known}}\notherwise: continue\n";
        let answers = parse("a.yaml", text).unwrap();
        assert_eq!(answers.inputs["weight"], Value::Number(10.0));
        assert_eq!(answers.steps["shift[10]/soak"].unknown, Some(UnknownAnswer::Look));
        assert_eq!(answers.otherwise, Otherwise::Continue);
    }

    #[test]
    fn mistakes_have_a_place() {
        let cases = [
            ("steps: {}\notherwies: stop\n", "a.yaml:2:1"),
            ("steps: {a: {answer: maybe}}\n", "a.yaml:1:21"),
            ("otherwise: stop\notherwise: stop\n", "a.yaml:2:1"),
            ("steps: {a: {choose: yes!}}\n", "where: a.yaml"),
            ("[]\n", "a.yaml:1:1"),
        ];
        for (text, place) in cases {
            let problem = parse("a.yaml", text).unwrap_err();
            assert!(problem.to_string().contains(place), "{text}: {problem}");
            assert_eq!(problem.exit().code(), 3);
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let problem = load(Path::new("/nonexistent/answers.yaml")).unwrap_err().to_string();
        assert!(problem.contains("where: /nonexistent/answers.yaml"), "{problem}");
    }
}
