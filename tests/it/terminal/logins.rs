//! Logging in again in the middle of a session: the terminal is lent to the credential
//! plugin, and given back.

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use pacenote::world::{Clock, Scenario, Surroundings, World, serve};

use super::{Home, Terminal, given_back};

const WORLD: &str = r#"
pacenote-scenario: 1
scenario: login
runbook: none.yaml
seed: 7
world:
  namespace: shop
  services: {checkout: {rps: 50, versions: {v1.2.3: {ready_after: 1s}, v1.2.4: {ready_after: 1s}}}}
  deployments: {checkout: {image: "registry.example.com/checkout:v1.2.3", replicas: 2}}
"#;

const RUNBOOK: &str = r#"
pacenote: 1
runbook: image
title: A new image
risk: low
environments: {shop: {kubernetes: {context: world, namespace: shop}}}
signals:
  pods: {pods: {selector: app=checkout}}
  image: {rollout: deployment/checkout}
steps:
  - {id: ready, title: Everyone is ready, confirm: Shall we?}
  - id: image
    title: The new image
    kubernetes: {set_image: {deployment: checkout, container: app, image: "registry.example.com/checkout:v1.2.4"}}
    undo: {kubernetes: {rollout_undo: {deployment: checkout}}}
  - {id: after, title: Look at it, confirm: Is it good?}
"#;

/// The first time it has the token at hand. From then on it wants the password, for which it
/// switches the echo off; whoever ends it leaves the terminal so.
const PLUGIN: &str = r#"#!/bin/sh
D=$(dirname "$0")
give() { echo '{"kind":"ExecCredential","status":{"token":"'$1'"}}'; exit; }
echo "$KUBERNETES_EXEC_INFO" >> "$D/runs"
[ -e "$D/again" ] || { touch "$D/again"; give first; }
if [ -t 0 ]; then
  stty -echo
  printf 'Password: ' >&2
  read -r password
  give "$password"
fi
echo 'open https://login.example.com/device' >&2
exit 1
"#;

/// What stands before the world.
#[derive(Clone, Default)]
struct Door {
    token: Arc<Mutex<String>>,
    /// So many changes are refused although the token is good.
    refuse: Arc<Mutex<u32>>,
    /// Changes that came.
    changes: Arc<Mutex<u32>>,
}

async fn door(State(door): State<Door>, request: Request, next: Next) -> Response {
    let given = request.headers().get(header::AUTHORIZATION).and_then(|h| h.to_str().ok()).unwrap_or_default();
    let known = given == format!("Bearer {}", door.token.lock().unwrap());
    let changes = request.method() == Method::PATCH && !request.uri().query().is_some_and(|q| q.contains("dryRun"));
    let mut refused = !known;
    if known && changes {
        *door.changes.lock().unwrap() += 1;
        let mut refuse = door.refuse.lock().unwrap();
        refused = *refuse > 0;
        *refuse = refuse.saturating_sub(1);
    }
    if refused {
        let status = r#"{"kind":"Status","status":"Failure","message":"Unauthorized","reason":"Unauthorized","code":401}"#;
        return (StatusCode::UNAUTHORIZED, status).into_response();
    }
    next.run(request).await
}

/// A home with a runbook, and the way to a world that knows one token.
struct Place {
    home: Home,
    door: Door,
    world: World,
    _runtime: tokio::runtime::Runtime,
}

impl Place {
    fn new() -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let scenario = Scenario::read("test.yaml", WORLD).unwrap();
        let world = World::new(&scenario, Surroundings::default(), Clock::start_at_speed(chrono::Utc::now(), 10.0));
        let at_door = Door::default();
        let router = world.router().layer(middleware::from_fn_with_state(at_door.clone(), door));
        let (address, serving) = runtime.block_on(serve(router)).unwrap();
        runtime.spawn(serving);
        let place = Self { home: Home::new(), door: at_door, world, _runtime: runtime };
        place.know("first");
        let home = place.home.path();
        std::fs::create_dir(home.join(".kube")).unwrap();
        std::fs::write(home.join(".kube/config"), kubeconfig(address)).unwrap();
        std::fs::write(home.join(".kube/plugin"), PLUGIN).unwrap();
        std::fs::set_permissions(home.join(".kube/plugin"), std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::write(home.join("image.yaml"), RUNBOOK).unwrap();
        std::fs::write(home.join("answers.yaml"), "otherwise: continue\n").unwrap();
        place
    }

    fn know(&self, token: &str) {
        *self.door.token.lock().unwrap() = token.to_owned();
    }

    fn changes(&self) -> u32 {
        *self.door.changes.lock().unwrap()
    }

    fn walked(&self, arguments: &[&str]) -> Terminal {
        Terminal::start(&self.home, &[&["run", "image.yaml", "--trust"], arguments].concat(), 120, 40)
    }

    /// On the screen, at its first question, with a login that has just been withdrawn.
    fn locked_out(&self) -> Terminal {
        let mut terminal = self.walked(&[]);
        terminal.shows("Shall we?");
        terminal.shows("2/2 ready");
        self.know("second");
        terminal.shows("LOGIN NEEDED");
        terminal.shows("https://login.example.com/device");
        terminal
    }

    /// What each run of the plugin was told of the terminal.
    fn runs(&self) -> String {
        self.home.file(".kube/runs")
    }
}

fn kubeconfig(address: SocketAddr) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: world\n\
         clusters:\n- {{name: world, cluster: {{server: 'http://{address}'}}}}\n\
         users:\n- name: ada\n  user: {{exec: {{apiVersion: client.authentication.k8s.io/v1, command: ./plugin, interactiveMode: IfAvailable}}}}\n\
         contexts:\n- {{name: world, context: {{cluster: world, user: ada, namespace: shop}}}}\n"
    )
}

/// Whether what is typed on the terminal is shown.
fn echoes(terminal: &Terminal) -> bool {
    const ECHO: u32 = 0o10;
    terminal.master.get_termios().unwrap().local_flags.bits() & ECHO != 0
}

#[test]
fn a_login_that_has_ended_is_made_again_on_the_suspended_screen() {
    let place = Place::new();
    let mut terminal = place.locked_out();
    // Behind the screen the plugin never got the terminal.
    assert!(place.runs().lines().skip(1).all(|run| run.contains("\"interactive\":false")), "{}", place.runs());
    terminal.press("\x07");
    terminal.until("the terminal is lent", |screen| !screen.alternate_screen() && screen.contents().contains("Password:"));
    assert!(place.runs().lines().last().unwrap().contains("\"interactive\":true"), "{}", place.runs());
    terminal.press("second\n");
    terminal
        .until("the screen is back", |screen| screen.alternate_screen() && screen.contents().contains("logged in again as ada"));
    // Watches go on by themselves, and so does the session: the password was no key of it.
    terminal.until("nothing is missing any more", |screen| {
        let text = screen.contents();
        !text.contains("LOGIN") && text.contains("2/2 ready") && text.contains("Shall we?")
    });
    terminal.press_until("\r", "the change", |screen| screen.contents().contains("Is it good?"));
    assert_eq!(place.world.version_of("checkout").as_deref(), Some("v1.2.4"));
    assert_eq!(place.changes(), 1);
    terminal.press_until("\r", "the end", |screen| screen.contents().contains("completed"));
    terminal.press_until("q\r", "the terminal given back", |screen| !screen.alternate_screen());
    assert!(echoes(&terminal), "what the plugin did to the terminal was undone");
    let (code, screen) = terminal.end();
    given_back(code, 0, &screen);
}

#[test]
fn a_login_can_be_given_up() {
    let place = Place::new();
    let mut terminal = place.locked_out();
    terminal.press("\x07");
    terminal.shows("Password:");
    assert!(!echoes(&terminal));
    terminal.press("\x03");
    terminal.until("the screen is back", |screen| screen.alternate_screen() && screen.contents().contains("not logged in"));
    // Still the same session, still locked out, and a second time it works.
    terminal.shows("LOGIN NEEDED");
    terminal.press("\x07");
    terminal.until("the terminal is lent", |screen| !screen.alternate_screen() && screen.contents().contains("Password:"));
    terminal.press("second\n");
    terminal.until("logged in", |screen| screen.contents().contains("logged in again as ada"));
    terminal.child.kill().unwrap();
}

#[test]
fn a_signal_during_a_login_gives_the_terminal_back() {
    for signal in [rustix::process::Signal::TERM, rustix::process::Signal::HUP] {
        let place = Place::new();
        let mut terminal = place.locked_out();
        terminal.press("\x07");
        terminal.shows("Password:");
        terminal.signal(signal);
        terminal.until("it says how to go on", |screen| screen.contents().contains("pacenote resume"));
        assert!(echoes(&terminal));
        let (code, screen) = terminal.end();
        given_back(code, 4, &screen);
    }
}

#[test]
fn a_change_refused_with_401_is_the_operators_to_start_again() {
    let place = Place::new();
    *place.door.refuse.lock().unwrap() = 1;
    let mut terminal = place.walked(&[]);
    terminal.shows("Shall we?");
    terminal.shows("2/2 ready");
    terminal.press_until("\r", "the refusal", |screen| screen.contents().contains("log in again"));
    assert_eq!((place.changes(), place.world.version_of("checkout").as_deref()), (1, Some("v1.2.3")));
    // The plugin cannot give another behind the screen; with a good token it goes on.
    terminal.press("\x07");
    terminal.until("the terminal is lent", |screen| !screen.alternate_screen() && screen.contents().contains("Password:"));
    terminal.press("first\n");
    terminal.until("logged in", |screen| screen.alternate_screen() && screen.contents().contains("logged in again as ada"));
    assert_eq!(place.changes(), 1, "a login sends nothing again");
    terminal.shows("Trying again starts the change");
    terminal.press_until("t", "tried again, by the operator", |screen| !screen.contents().contains("✗ Failed"));
    terminal.press_until("\r", "the change", |screen| screen.contents().contains("Is it good?"));
    assert_eq!((place.changes(), place.world.version_of("checkout").as_deref()), (2, Some("v1.2.4")));
    terminal.child.kill().unwrap();
}

#[test]
fn in_lines_the_terminal_is_lent_as_well() {
    let place = Place::new();
    let mut terminal = place.walked(&["--plain"]);
    terminal.shows("Shall we?");
    place.know("second");
    terminal.shows("LOGIN NEEDED");
    terminal.press("login\n");
    terminal.shows("Password:");
    terminal.press("second\n");
    terminal.shows("logged in again as ada");
    assert!(!terminal.text().contains("second"), "the password is shown\n{}", terminal.text());
    assert!(echoes(&terminal));
    // Lines are commands again.
    terminal.press("yes\n");
    terminal.shows("The new image");
    terminal.child.kill().unwrap();
}

#[test]
fn nobody_is_asked_to_log_in_where_nobody_sits() {
    let place = Place::new();
    // A login that ends before the first change: its reading is refused.
    let mut program = place.home.program(&["run", "image.yaml", "--trust", "--answers", "answers.yaml"]);
    std::fs::write(place.home.path().join(".kube/again"), "").unwrap();
    let done = program.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(3), "{said}");
    assert!(said.contains("https://login.example.com/device") && said.contains("log in"), "{said}");

    std::fs::remove_file(place.home.path().join(".kube/again")).unwrap();
    place.know("second");
    let done = place.home.program(&["run", "image.yaml", "--trust", "--answers", "answers.yaml"]).stdin(Stdio::null()).output();
    let done = done.unwrap();
    let said = [done.stdout, done.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert_eq!(done.status.code(), Some(4), "{said}");
    assert!(said.contains("log in by hand, then go on with: pacenote resume"), "{said}");
    assert!(place.runs().lines().all(|run| run.contains("\"interactive\":false")), "{}", place.runs());
    assert_eq!(place.changes(), 0);
}
