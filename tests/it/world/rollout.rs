//! Rollouts as the watch streams tell them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::*;

/// Everything the watch streams tell until nothing has come for two minutes.
async fn watched(rig: &Rig) -> Vec<(String, Value)> {
    let mut streams = Vec::new();
    for path in
        ["/apis/apps/v1/namespaces/shop/deployments", "/apis/apps/v1/namespaces/shop/replicasets", "/api/v1/namespaces/shop/pods"]
    {
        let (_, list) = rig.get("127.0.0.1", path).await;
        let list: Value = serde_json::from_str(&list).unwrap();
        let from = list["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
        let uri = format!("{path}?watch=true&resourceVersion={from}&timeoutSeconds=3600");
        let response = rig.world.router().oneshot(Request::get(uri).body(Body::empty()).unwrap()).await.unwrap();
        streams.push(response.into_body().into_data_stream());
    }
    let mut all = futures::stream::select_all(streams);
    let mut seen = Vec::new();
    while let Ok(Some(line)) = timeout(Duration::from_secs(120), all.next()).await {
        let event: Value = serde_json::from_slice(&line.unwrap()).unwrap();
        seen.push((event["type"].as_str().unwrap().to_owned(), event["object"].clone()));
    }
    seen
}

/// Starts to watch, then acts, and gives what was seen.
async fn rollout(rig: &Rig, act: impl Future<Output = ()>) -> Vec<(String, Value)> {
    let (_, seen) = tokio::join!(act, watched(rig));
    seen
}

fn conditions(object: &Value) -> Vec<String> {
    let list = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    list.iter()
        .map(|c| {
            format!(
                "{}={}:{}",
                c["type"].as_str().unwrap(),
                c["status"].as_str().unwrap(),
                c["reason"].as_str().unwrap_or_default()
            )
        })
        .collect()
}

fn phase(pod: &Value) -> String {
    let state = &pod["status"]["containerStatuses"][0]["state"];
    let state = match state.as_object().and_then(|s| s.iter().next()) {
        Some((kind, inner)) => format!("{kind}:{}", inner["reason"].as_str().unwrap_or_default()),
        None => "none".to_owned(),
    };
    let going = if pod["metadata"]["deletionTimestamp"].is_null() { "" } else { " going" };
    let scheduled = conditions(pod).iter().any(|c| c.starts_with("PodScheduled=True"));
    format!("{} {}{state}{going}", pod["status"]["phase"].as_str().unwrap(), if scheduled { "" } else { "unscheduled " })
}

fn of<'a>(seen: &'a [(String, Value)], kind: &str) -> Vec<(&'a str, &'a Value)> {
    seen.iter().filter(|(_, o)| o["kind"] == kind).map(|(t, o)| (t.as_str(), o)).collect()
}

fn without_repeats<T: PartialEq>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut kept = Vec::new();
    for item in items {
        if kept.last() != Some(&item) {
            kept.push(item);
        }
    }
    kept
}

/// The recording of a real cluster: what was watched between two actions.
fn recorded(action: &str) -> Vec<(String, Value)> {
    let folder = std::env::var_os("PACENOTE_CONFORMANCE").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/conformance"));
    let path = folder.join("rollout_watch.jsonl");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|wrong| panic!("{}: {wrong}", path.display()));
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let from = lines.skip_while(|line| line["action"].as_str().is_none_or(|a| !a.starts_with(action))).skip(1);
    from.take_while(|line| line["action"].is_null())
        .filter(|line| !line["event"].is_null() && line["event"]["type"] != "BOOKMARK")
        .map(|line| (line["event"]["type"].as_str().unwrap().to_owned(), line["event"]["object"].clone()))
        .collect()
}

/// How a Deployment's conditions go, without repeats.
fn progress(seen: &[(String, Value)]) -> Vec<Vec<String>> {
    without_repeats(of(seen, "Deployment").iter().map(|(_, d)| conditions(d)))
}

/// How each new ReplicaSet's size goes: wanted sizes without repeats, by order of appearance.
fn sizes(seen: &[(String, Value)]) -> Vec<Vec<i64>> {
    let mut sets: Vec<(String, Vec<i64>)> = Vec::new();
    for (_, set) in of(seen, "ReplicaSet") {
        let name = set["metadata"]["name"].as_str().unwrap().to_owned();
        let size = set["spec"]["replicas"].as_i64().unwrap();
        match sets.iter_mut().find(|(other, _)| *other == name) {
            Some((_, sizes)) => sizes.push(size),
            None => sets.push((name, vec![size])),
        }
    }
    sets.into_iter().map(|(_, sizes)| without_repeats(sizes)).collect()
}

/// How many pods a Deployment counts as updated, without repeats.
fn updated(seen: &[(String, Value)]) -> Vec<i64> {
    without_repeats(of(seen, "Deployment").iter().map(|(_, d)| d["status"]["updatedReplicas"].as_i64().unwrap_or(0)))
}

#[tokio::test(start_paused = true)]
async fn a_rollout_looks_like_the_real_one() {
    let rig = Rig::new(SCENARIO);
    let seen = rollout(&rig, rig.set_image("checkout", "v1.2.4")).await;
    let real = recorded("set image checkout=registry.local/checkout:v1.2.4");
    assert!(!real.is_empty());
    assert_eq!(progress(&seen), progress(&real));
    let (ours, theirs) = (sizes(&seen), sizes(&real));
    assert_eq!(ours, theirs);
    assert_eq!(updated(&seen), updated(&real));

    // The first changes are the same.
    let first = |seen: &[(String, Value)]| {
        let named = |(kind, object): &(String, Value)| {
            let going = if object["metadata"]["deletionTimestamp"].is_null() { "" } else { " going" };
            format!("{kind} {}{going}", object["kind"].as_str().unwrap())
        };
        let mut firsts: Vec<String> = Vec::new();
        for item in seen.iter().filter(|(_, o)| o["kind"] != "Event").map(named) {
            if !firsts.contains(&item) {
                firsts.push(item);
            }
        }
        firsts
    };
    // Several controllers work at once, so that only what causes what has an order.
    let (ours, theirs) = (first(&seen), first(&real));
    assert_eq!(ours[..2], theirs[..2]);
    let sorted = |mut list: Vec<String>| {
        list.sort();
        list
    };
    assert_eq!(sorted(ours), sorted(theirs));

    // No pod is taken before enough are there: never fewer than three ready, never more than five wanted.
    for (_, deployment) in of(&seen, "Deployment") {
        let status = &deployment["status"];
        assert!(status["availableReplicas"].as_i64().unwrap_or(0) >= 3, "{status}");
        assert!(status["replicas"].as_i64().unwrap() <= 5, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn pods_come_up_and_go_in_the_real_order() {
    let rig = Rig::new(SCENARIO);
    let seen = rollout(&rig, rig.set_image("checkout", "v1.2.4")).await;
    let mut lives: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (kind, pod) in of(&seen, "Pod") {
        let ready = conditions(pod).iter().any(|c| c.starts_with("Ready=True"));
        let name = pod["metadata"]["name"].as_str().unwrap().to_owned();
        lives.entry(name).or_default().push(format!("{kind} {} {}", phase(pod), if ready { "ready" } else { "not ready" }));
    }
    let new = [
        "ADDED Pending unscheduled none not ready",
        "MODIFIED Pending none not ready",
        "MODIFIED Pending waiting:ContainerCreating not ready",
        "MODIFIED Running running: not ready",
        "MODIFIED Running running: ready",
    ];
    let old = [
        "MODIFIED Running running: going ready",
        "MODIFIED Running running: going ready",
        "DELETED Running running: going ready",
    ];
    let (mut came, mut went) = (0, 0);
    for life in lives.values() {
        if life[0].starts_with("ADDED") {
            assert_eq!(life, &new);
            came += 1;
        } else {
            assert_eq!(life, &old);
            went += 1;
        }
    }
    assert_eq!((came, went), (4, 4));
}

#[tokio::test(start_paused = true)]
async fn a_missing_image_holds_the_rollout_and_an_undo_ends_it() {
    let rig = Rig::new(SCENARIO);
    let before = rig.deployments().get("checkout").await.unwrap();
    let seen = rollout(&rig, rig.set_image("checkout", "v9.9.9")).await;
    let real = recorded("set image checkout=registry.local/checkout:bad-1.2.5");
    assert_eq!(progress(&seen)[..3], progress(&real)[..3]);
    let states = without_repeats(
        of(&seen, "Pod")
            .iter()
            .filter(|(_, p)| p["spec"]["containers"][0]["image"].as_str().unwrap().ends_with("v9.9.9"))
            .map(|(_, p)| phase(p)),
    );
    for state in ["Pending waiting:ContainerCreating", "Pending waiting:ErrImagePull", "Pending waiting:ImagePullBackOff"] {
        assert!(states.iter().any(|s| s == state), "{state} in {states:?}");
    }
    let stuck = rig.deployments().get("checkout").await.unwrap().status.unwrap();
    assert_eq!((stuck.available_replicas, stuck.updated_replicas, stuck.unavailable_replicas), (Some(3), Some(2), Some(2)));

    // What `rollout undo` sends: the template of the earlier ReplicaSet.
    let sets: Api<ReplicaSet> = Api::namespaced(rig.client.clone(), "shop");
    let template = serde_json::to_value(&before.spec.unwrap().template).unwrap();
    let version = rig.deployments().get("checkout").await.unwrap().metadata.resource_version.unwrap();
    let patch = json!([
        {"op": "test", "path": "/metadata/resourceVersion", "value": version},
        {"op": "replace", "path": "/spec/template", "value": template},
    ]);
    let patch: json_patch::Patch = serde_json::from_value(patch).unwrap();
    let undo = async {
        rig.deployments().patch("checkout", &PatchParams::default(), &Patch::Json::<()>(patch)).await.unwrap();
    };
    let seen = rollout(&rig, undo).await;
    let real = recorded("rollout undo");
    assert_eq!(progress(&seen), progress(&real));
    let after = rig.deployments().get("checkout").await.unwrap();
    assert_eq!(after.metadata.annotations.unwrap()["deployment.kubernetes.io/revision"], "3");
    assert_eq!(after.status.unwrap().available_replicas, Some(4));
    let found = sets.list(&ListParams::default().labels("app.kubernetes.io/instance=checkout")).await.unwrap();
    let mut sizes: Vec<(String, i32)> = found
        .items
        .iter()
        .map(|set| {
            (
                set.metadata.annotations.clone().unwrap()["deployment.kubernetes.io/revision"].clone(),
                set.spec.as_ref().unwrap().replicas.unwrap(),
            )
        })
        .collect();
    sizes.sort();
    assert_eq!(sizes, [("2".to_owned(), 0), ("3".to_owned(), 4)]);
}

#[tokio::test(start_paused = true)]
async fn a_crashing_version_falls_into_back_off_and_its_deadline_passes() {
    let rig = Rig::new(SCENARIO);
    rig.set_image("checkout", "v1.2.5").await;
    later(Duration::from_secs(120)).await;
    let pods = rig.pods().list(&ListParams::default().labels("app=checkout")).await.unwrap();
    let looping: Vec<_> = pods
        .items
        .iter()
        .filter_map(|pod| pod.status.as_ref()?.container_statuses.as_ref()?.first().cloned())
        .filter(|c| c.restart_count > 1)
        .collect();
    assert!(!looping.is_empty());
    let backing_off = looping.iter().find_map(|c| c.state.as_ref()?.waiting.clone()).unwrap();
    assert_eq!(backing_off.reason.as_deref(), Some("CrashLoopBackOff"));
    let last = looping.iter().find_map(|c| c.last_state.as_ref()?.terminated.clone()).unwrap();
    assert_eq!((last.reason.as_deref(), last.exit_code), (Some("Error"), 1));
}

#[tokio::test(start_paused = true)]
async fn a_rollout_that_does_not_move_exceeds_its_deadline() {
    let rig = Rig::new(SCENARIO);
    let patch = json!({"spec": {"progressDeadlineSeconds": 30}});
    rig.deployments().patch("checkout", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    rig.set_image("checkout", "v9.9.9").await;
    later(Duration::from_secs(60)).await;
    let deployment = serde_json::to_value(rig.deployments().get("checkout").await.unwrap()).unwrap();
    assert!(conditions(&deployment).contains(&"Progressing=False:ProgressDeadlineExceeded".to_owned()), "{deployment:#}");
}

#[tokio::test(start_paused = true)]
async fn a_kube_watch_sees_what_happens_and_closes_in_time() {
    let rig = Rig::new(SCENARIO);
    let list = rig.pods().list(&ListParams::default().labels("app.kubernetes.io/instance=checkout-canary")).await.unwrap();
    let version = list.metadata.resource_version.unwrap();
    let params = WatchParams::default().labels("app.kubernetes.io/instance=checkout-canary").timeout(60);
    let pods = rig.pods();
    let began = Instant::now();
    let (stream, ()) = tokio::join!(pods.watch(&params, &version), rig.set_image("checkout-canary", "v1.2.4"));
    let events: Vec<_> = stream.unwrap().map(Result::unwrap).collect().await;
    assert_eq!(began.elapsed().as_secs(), 60);
    let kinds: Vec<&str> = events
        .iter()
        .map(|event| match event {
            WatchEvent::Added(_) => "added",
            WatchEvent::Modified(_) => "modified",
            WatchEvent::Deleted(_) => "deleted",
            WatchEvent::Bookmark(_) => "bookmark",
            WatchEvent::Error(_) => "error",
        })
        .collect();
    assert_eq!((kinds.first(), kinds.last()), (Some(&"added"), Some(&"bookmark")));
    assert_eq!(kinds.iter().filter(|k| **k == "deleted").count(), 1);
}

#[tokio::test(start_paused = true)]
async fn bookmarks_come_to_those_who_allow_them_and_watches_end_in_time() {
    for (allow, expected) in [("", 0), ("&allowWatchBookmarks=true", 1)] {
        let rig = Rig::new(SCENARIO);
        let version = rig.pods().list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
        let began = Instant::now();
        let path = format!("/api/v1/namespaces/shop/pods?watch=1&resourceVersion={version}&timeoutSeconds=7{allow}");
        let (_, body) = rig.get("127.0.0.1", &path).await;
        assert_eq!(began.elapsed().as_secs(), 7);
        let lines: Vec<Value> = body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), expected, "{body}");
        for line in lines {
            assert_eq!(line["type"], "BOOKMARK");
            assert_eq!(line["object"]["metadata"]["resourceVersion"], version.as_str());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_is_too_old_is_told_so() {
    let rig = Rig::new(SCENARIO);
    let version = rig.pods().list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
    rig.set_image("checkout", "v1.2.4").await;
    later(Duration::from_secs(5)).await;
    rig.world.compact();
    let pods = rig.pods();
    let mut stream = std::pin::pin!(pods.watch(&WatchParams::default(), &version).await.unwrap());
    match stream.next().await.unwrap().unwrap() {
        WatchEvent::Error(status) => assert_eq!((status.code, status.reason.as_str()), (410, "Expired")),
        other => panic!("{other:?}"),
    }
    assert!(stream.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn recreate_takes_all_old_pods_before_the_first_new_one() {
    let rig = Rig::new(SCENARIO);
    let patch = json!({"spec": {"strategy": {"type": "Recreate", "rollingUpdate": null}}});
    rig.deployments().patch("checkout", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    let seen = rollout(&rig, rig.set_image("checkout", "v1.2.4")).await;
    let pods = of(&seen, "Pod");
    let last_gone = pods.iter().rposition(|(kind, _)| *kind == "DELETED").unwrap();
    let first_new = pods.iter().position(|(kind, _)| *kind == "ADDED").unwrap();
    assert!(last_gone < first_new);
    assert_eq!(rig.deployments().get("checkout").await.unwrap().status.unwrap().ready_replicas, Some(4));
}

#[tokio::test(start_paused = true)]
async fn a_paused_deployment_waits_until_it_is_resumed() {
    let rig = Rig::new(SCENARIO);
    let pause = |paused: bool| {
        let api = rig.deployments();
        let patch = Patch::Merge(json!({"spec": {"paused": paused}}));
        async move { api.patch("checkout", &PatchParams::default(), &patch).await.unwrap() }
    };
    pause(true).await;
    rig.set_image("checkout", "v1.2.4").await;
    later(Duration::from_secs(30)).await;
    let waiting = serde_json::to_value(rig.deployments().get("checkout").await.unwrap()).unwrap();
    assert!(conditions(&waiting).contains(&"Progressing=Unknown:DeploymentPaused".to_owned()), "{waiting:#}");
    assert!(waiting["status"]["updatedReplicas"].is_null());
    pause(false).await;
    later(Duration::from_secs(60)).await;
    let done = serde_json::to_value(rig.deployments().get("checkout").await.unwrap()).unwrap();
    assert!(conditions(&done).contains(&"Progressing=True:NewReplicaSetAvailable".to_owned()), "{done:#}");
    assert_eq!(done["status"]["updatedReplicas"], 4);
}

#[tokio::test(start_paused = true)]
async fn a_restart_goes_as_the_real_one() {
    let rig = Rig::new(SCENARIO);
    let restart = async {
        let patch = json!({"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "2026-01-05T02:00:00Z"}}}}});
        rig.deployments().patch("checkout", &PatchParams::default(), &Patch::Strategic(patch)).await.unwrap();
    };
    let seen = rollout(&rig, restart).await;
    let real = recorded("rollout restart");
    assert_eq!(progress(&seen), progress(&real));
    let (ours, theirs) = (sizes(&seen), sizes(&real));
    assert_eq!((ours, updated(&seen)), (theirs, updated(&real)));
}

#[tokio::test(start_paused = true)]
async fn faster_worlds_get_further_in_the_same_time() {
    let scenario = Scenario::read("test.yaml", SCENARIO).unwrap();
    let epoch = "2026-01-05T02:00:00Z".parse().unwrap();
    let world = World::new(&scenario, Surroundings::default(), Clock::start_at_speed(epoch, 10.0));
    let client = kube::Client::new(world.router(), "shop");
    let rig = Rig { world, client };
    let seen = rig.pods();
    let version = seen.list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
    rig.set_image("checkout-canary", "v1.2.4").await;
    let params = WatchParams::default().timeout(3);
    let events: Vec<_> = seen.watch(&params, &version).await.unwrap().collect().await;
    assert_eq!(rig.world.clock().elapsed_seconds(), 30, "a watch lasts as long as its client says");
    assert!(events.iter().any(|event| matches!(event, Ok(WatchEvent::Deleted(_)))));
}
