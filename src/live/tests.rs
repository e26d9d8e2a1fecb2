use super::*;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + seconds, 0).expect("a time")
}

fn graph(baseline_over: Option<BaselineSpan>) -> PanelSpec {
    let kind = PanelKind::Graph {
        query: "up".into(),
        unit: "%".into(),
        warn: Some(1.0),
        critical: Some(5.0),
        window_ms: 60_000,
        baseline_over,
    };
    PanelSpec { name: "errors".into(), title: "Errors".into(), every_ms: 10_000, kind }
}

fn health() -> PanelSpec {
    PanelSpec { name: "api".into(), title: "API".into(), every_ms: 10_000, kind: PanelKind::Health { url: "http://x/".into() } }
}

fn point(live: &mut Live, seconds: i64, value: Option<f64>) {
    let update =
        Update { signal: "errors".into(), at: at(seconds), change: Change::Point(at(seconds).timestamp_millis(), value) };
    live.apply(update);
}

fn source(live: &mut Live, state: SourceState) {
    live.apply(Update { signal: "errors".into(), at: at(0), change: Change::Source(state) });
}

fn freshness(live: &Live, seconds: i64) -> Freshness {
    live.panel("errors").expect("the panel").freshness(at(seconds))
}

#[test]
fn a_panel_goes_stale_after_three_times_its_step() {
    let mut live = Live::new(vec![graph(None)]);
    assert_eq!(freshness(&live, 0), Freshness::Never);
    point(&mut live, 0, Some(1.0));
    assert_eq!(freshness(&live, 30), Freshness::Fresh(TimeDelta::seconds(30)));
    assert_eq!(freshness(&live, 31), Freshness::Stale(TimeDelta::seconds(31)));
    point(&mut live, 40, None);
    assert_eq!(freshness(&live, 40), Freshness::Stale(TimeDelta::seconds(40)), "a gap is no data");
}

#[test]
fn a_lost_source_is_lost_however_young_its_data() {
    let mut live = Live::new(vec![graph(None)]);
    source(&mut live, SourceState::Lost("refused".into(), at(0)));
    assert_eq!(freshness(&live, 1), Freshness::Lost(None));
    point(&mut live, 0, Some(1.0));
    assert_eq!(freshness(&live, 1), Freshness::Lost(Some(TimeDelta::seconds(1))));
    source(&mut live, SourceState::Degraded("a warning".into()));
    assert_eq!(freshness(&live, 1), Freshness::Fresh(TimeDelta::seconds(1)));
}

#[test]
fn a_clock_set_back_makes_a_panel_stale_never_fresh() {
    let mut live = Live::new(vec![graph(None)]);
    point(&mut live, 3_600, Some(1.0));
    assert_eq!(freshness(&live, 0), Freshness::Stale(TimeDelta::seconds(-3_600)));
    point(&mut live, 5, Some(1.0));
    assert_eq!(freshness(&live, 6), Freshness::Fresh(TimeDelta::seconds(1)), "new data counts by the new clock");
}

#[test]
fn history_is_kept_as_long_as_the_baseline_needs_it() {
    let span = BaselineSpan { window_ms: 60_000, offset_ms: 60_000 };
    let mut live = Live::new(vec![graph(Some(span))]);
    for n in 0..=30 {
        point(&mut live, n * 10, Some(if n < 24 { 1.0 } else { 9.0 }));
    }
    let Some(PanelData::Graph(data)) = live.panel("errors").map(|panel| &panel.data) else { panic!("a graph") };
    assert_eq!(data.series.points.front().map(|p| p.0), Some(at(180).timestamp_millis()));
    assert_eq!(live.baselines(at(300)), BTreeMap::from([("errors".to_owned(), Ok(Measure(1.0)))]));
    live.fix_baseline("errors", 1.0);
    let Some(PanelData::Graph(data)) = live.panel("errors").map(|panel| &panel.data) else { panic!("a graph") };
    assert_eq!(data.baseline, Some(1.0));
}

#[test]
fn no_baseline_is_made_up_from_too_little() {
    let span = BaselineSpan { window_ms: 60_000, offset_ms: 0 };
    let mut live = Live::new(vec![graph(Some(span))]);
    let baseline = |live: &Live| live.baselines(at(60)).remove("errors").expect("an answer");
    assert_eq!(baseline(&live), Err("history does not reach back far enough".to_owned()));
    for (seconds, value) in [(0, Some(1.0)), (10, None), (20, None)] {
        point(&mut live, seconds, value);
    }
    assert_eq!(baseline(&live), Err("only 1 of 3 points in that time have a value".to_owned()));
    point(&mut live, 30, Some(3.0));
    assert_eq!(baseline(&live), Ok(Measure(2.0)));
    let mut late = Live::new(vec![graph(Some(span))]);
    point(&mut late, 40, Some(1.0));
    assert_eq!(baseline(&late), Err("history does not reach back far enough".to_owned()));
}

#[test]
fn a_health_strip_is_bounded_and_a_failed_check_is_data() {
    let mut live = Live::new(vec![health()]);
    for n in 0..130_u32 {
        let check = HealthCheck {
            at: at(i64::from(n)),
            ok: false,
            latency_ms: Some(3),
            status: Ok(500),
            problem: Some("status 500".into()),
        };
        live.apply(Update { signal: "api".into(), at: check.at, change: Change::Checked(check, n + 1) });
    }
    let panel = live.panel("api").expect("the panel");
    let PanelData::Health(history) = &panel.data else { panic!("health") };
    assert_eq!((history.checks.len(), history.failures), (MAX_CHECKS, 130));
    assert_eq!(panel.freshness(at(130)), Freshness::Fresh(TimeDelta::seconds(1)));
}

#[test]
fn what_does_not_belong_is_left_out() {
    let mut live = Live::new(vec![graph(None)]);
    live.changed = false;
    live.apply(Update { signal: "nobody".into(), at: at(0), change: Change::Confirmed });
    assert!(!live.changed);
    live.apply(Update { signal: "errors".into(), at: at(0), change: Change::PodDeleted("a".into()) });
    assert_eq!(freshness(&live, 0), Freshness::Never);
}

#[test]
fn markers_and_outputs_are_bounded() {
    let mut live = Live::new(Vec::new());
    for n in 0..300 {
        live.mark(at(n), n.to_string());
    }
    assert_eq!(live.markers.len(), MAX_MARKERS);
    assert_eq!(live.markers.front().map(|marker| marker.label.as_str()), Some("100"));
    for effect in 1..=60 {
        live.output_mut(effect).push_line("x", false);
    }
    assert_eq!(live.outputs.len(), MAX_OUTPUTS);
    assert_eq!(live.outputs.keys().next(), Some(&11));
}
