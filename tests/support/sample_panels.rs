//! The sample session with the panels that read rows and lines, in each of their states,
//! and with its guards in each of theirs.

use chrono::TimeDelta;
use pacenote::live::output::Output;
use pacenote::live::table::{Cell, Level, Note, Row, Table};
use pacenote::live::{LogData, Panel, PanelData, SourceState};
use pacenote::session::view::{GuardState, Prompt};

use super::{Sample, now, panel};

fn words(cell: &str) -> Cell {
    Cell::Text(cell.to_owned())
}

fn ago(seconds: i64) -> Cell {
    Cell::Age(Some(now() - TimeDelta::seconds(seconds)))
}

fn table(about: &str, summary: Note, heads: &[&'static str], rows: Vec<(Level, Vec<Cell>)>) -> Table {
    let rows = rows.into_iter().map(|(level, cells)| Row { cells, level }).collect();
    Table { about: about.to_owned(), summary, heads: heads.to_vec(), rows, ..Table::default() }
}

fn rollout(failing: bool) -> Table {
    let image = |version: &str| words(&format!("registry.example.com/checkout:{version}"));
    let rows = vec![
        (Level::Plain, vec![words("42"), words("new"), image("v1.2.4"), words("3/4"), ago(95)]),
        (Level::Plain, vec![words("41"), words("back to"), image("v1.2.3"), words("8/8"), ago(777_600)]),
        (Level::Quiet, vec![words("40"), words(""), image("v1.2.2"), words("0/0"), ago(1_900_800)]),
    ];
    let level = if failing { Level::Bad } else { Level::Warn };
    let mut table =
        table("Deployment/checkout", Note::new("4/12 updated, 11 available", level), &["REV", "", "IMAGE", "PODS", "AGE"], rows);
    table.notes = vec![Note::new(
        "Waiting for deployment \"checkout\" rollout to finish: 4 out of 12 new replicas have been updated...",
        level,
    )];
    if failing {
        let why = "ProgressDeadlineExceeded: ReplicaSet \"checkout-6d9f7c8b54\" has timed out progressing.";
        table.notes.push(Note::new(why, Level::Bad));
    }
    table
}

fn events(failing: bool) -> Table {
    let pod = || words("Pod/checkout-6d9f7c8b54-cbvk2");
    let scaled = "Scaled up replica set checkout-6d9f7c8b54 from 3 to 4";
    let mut rows = vec![
        (Level::Quiet, vec![ago(40), words(""), words("ScalingReplicaSet"), words("Deployment/checkout"), words(scaled)]),
        (Level::Quiet, vec![ago(44), words(""), words("Started"), pod(), words("Started container app")]),
    ];
    if failing {
        let backs = "Back-off restarting failed container app in pod checkout-6d9f7c8b54-cbvk2_shop(3c1f)";
        rows.insert(0, (Level::Warn, vec![ago(5), words("×14"), words("BackOff"), pod(), words(backs)]));
    }
    let summary = if failing { Note::new("14 warnings", Level::Warn) } else { Note::new("2, no warnings", Level::Good) };
    table("app=checkout", summary, &["LAST", "N", "REASON", "OBJECT", "MESSAGE"], rows)
}

fn resources(failing: bool) -> Table {
    let row = |n: u32, cpu: u32, memory: u32| {
        let level = if memory >= 90 { Level::Bad } else { Level::Plain };
        let pod = format!("checkout-6d9f7c8b54-cbvk{n}");
        let cells = [pod, format!("{}m", cpu * 5), format!("{cpu} %"), format!("{}Mi", memory * 5), format!("{memory} %")];
        (level, cells.iter().map(|cell| words(cell)).collect())
    };
    let (most, level) = if failing { (93, Level::Bad) } else { (61, Level::Plain) };
    let summary = Note::new(format!("cpu 48 % · memory {most} %"), level);
    let rows = vec![row(2, 48, most), row(3, 31, 55), row(4, 30, 54)];
    table("app=checkout", summary, &["POD", "CPU", "CPU%", "MEM", "MEM%"], rows)
}

fn command(failing: bool) -> Table {
    let (last, level) = if failing { ("exit 2: psql: connection refused", Level::Bad) } else { ("3 rows", Level::Good) };
    let rows = vec![
        (level, vec![ago(2), words(last), words("41 ms")]),
        (Level::Good, vec![ago(17), words("2 rows"), words("38 ms")]),
        (Level::Good, vec![ago(32), words("0 rows"), words("40 ms")]),
    ];
    let mut table = table("./lag.sh checkout", Note::new(last, level), &["AGO", "RESULT", "TOOK"], rows);
    table.notes = vec![Note::new("./lag.sh checkout", Level::Quiet)];
    table
}

fn logs(failing: bool) -> LogData {
    let mut output = Output::default();
    for n in 0..40 {
        let pod = if n % 3 == 0 { "cbvk2" } else { "kq7zd" };
        let line = match (failing, n % 4) {
            (true, 3) => format!("{pod} ERROR order {n} failed: connection to payments timed out after 2000 ms (attempt 3 of 3)"),
            _ => format!("{pod} INFO  order {n} accepted in {} ms", 20 + n),
        };
        output.push_line(line, false);
    }
    LogData { about: "app=checkout, new pods".to_owned(), output, sources: 4 }
}

/// What there is to see where there is nothing.
fn nothing() -> Vec<PanelData> {
    let none =
        |about: &str, summary, empty| PanelData::Table(Table { about: about.to_owned(), summary, empty, ..Table::default() });
    vec![
        none("Deployment/checkout", Note::new("not there", Level::Bad), "there is no such object"),
        none("app=checkout", Note::new("none", Level::Quiet), "no events"),
        PanelData::Logs(LogData { about: "app=checkout, new pods".to_owned(), ..LogData::default() }),
        none("app=checkout", Note::new("unknown", Level::Warn), "nothing is measured"),
        none("./lag.sh checkout", Note::default(), ""),
    ]
}

fn filled(failing: bool) -> Vec<PanelData> {
    vec![
        PanelData::Table(rollout(failing)),
        PanelData::Table(events(failing)),
        PanelData::Logs(logs(failing)),
        PanelData::Table(resources(failing)),
        PanelData::Table(command(failing)),
    ]
}

impl Sample {
    /// All panels of rows and lines, by the state they are in.
    pub(crate) fn panel_states() -> Vec<(&'static str, Self)> {
        let degraded = |panel: &mut Panel| panel.source = SourceState::Degraded("answers slowly: 4.2 s".into());
        let stale = |panel: &mut Panel| panel.updated = Some(now() - TimeDelta::seconds(245));
        let lost = |why: &'static str| {
            move |panel: &mut Panel| {
                panel.source = SourceState::Lost(why.into(), now() - TimeDelta::seconds(75));
                panel.updated = Some(now() - TimeDelta::seconds(80));
            }
        };
        let never = |panel: &mut Panel| {
            panel.source = SourceState::Connecting;
            panel.updated = None;
        };
        let refused = |panel: &mut Panel| {
            let why = "not permitted (403): pods is forbidden; ask for `get` and `list` on pods in namespace `shop`";
            panel.source = SourceState::Lost(why.into(), now() - TimeDelta::seconds(75));
            panel.updated = None;
        };
        vec![
            ("panels_connecting", Self::with_panels(nothing(), never)),
            ("panels_ok", Self::with_panels(filled(false), |_| {})),
            ("panels_degraded", Self::with_panels(filled(false), degraded)),
            ("panels_stale", Self::with_panels(filled(false), stale)),
            ("panels_lost", Self::with_panels(filled(false), lost("connection refused"))),
            ("panels_failing", Self::with_panels(filled(true), |_| {})),
            ("panels_forbidden", Self::with_panels(nothing(), refused)),
            ("panels_empty", Self::with_panels(nothing(), |_| {})),
        ]
    }

    fn with_panels(data: Vec<PanelData>, change: impl Fn(&mut Panel)) -> Self {
        let mut sample = Self::gate();
        let names = ["rollout", "events", "logs", "resources", "lag"];
        sample.live.panels = names.iter().zip(data).map(|(name, data)| panel(name, name, data, now(), 2)).collect();
        sample.live.panels.iter_mut().for_each(change);
        sample
    }

    /// The guards in each of their states.
    pub(crate) fn guard_states() -> Vec<(&'static str, Self)> {
        let of = |change: fn(&mut Self)| {
            let mut sample = Self::gate();
            change(&mut sample);
            sample
        };
        let hold = |sample: &mut Self| {
            let Prompt::Guard { action, caution, left_ms, .. } = &mut sample.prompt else { return };
            (*action, *left_ms) = ("roll back".into(), Some(53_000));
            let why =
                "It does not act by itself: a point of no return was passed (Migrate), and rolling back loses what came after.";
            *caution = Some(why.into());
        };
        let mut past = Self::guard();
        past.guards[1].past_return = true;
        hold(&mut past);
        vec![
            ("guards_automatic", of(|s| s.guards[0].automatic = true)),
            ("guards_snoozed", of(|s| s.guards[1].state = GuardState::Snoozed(540_000))),
            ("guards_cannot_judge", of(|s| s.guards[1].state = GuardState::CannotJudge("error_rate: stale".into()))),
            (
                "guards_rolling_back",
                of(|s| {
                    s.header.rolling_back = true;
                    s.guards[1].state = GuardState::Tripped;
                }),
            ),
            ("guards_past_return", past),
        ]
    }
}
