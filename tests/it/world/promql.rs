//! Queries of runbooks against metrics that follow from the world.

use super::*;

const ERROR_RATE: &str = r#"(sum(rate(http_requests_total{app="checkout",status=~"5.."}[1m])) or vector(0)) / sum(rate(http_requests_total{app="checkout"}[1m])) * 100"#;
const P95: &str = r#"histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket{app="checkout"}[1m])))"#;

fn near(value: f64, expected: f64, percent: f64) -> bool {
    (value - expected).abs() <= expected.abs() * percent / 100.0
}

#[tokio::test(start_paused = true)]
async fn metrics_follow_weights_and_versions_and_a_rollback_cures() {
    let rig = Rig::new(SCENARIO);
    later(Duration::from_secs(30)).await;
    let before = rig.value(ERROR_RATE).await;
    assert!(near(before, 0.3, 25.0), "{before}");
    assert!(near(rig.value(P95).await, 0.18, 10.0));
    assert!(near(rig.value(r#"sum(rate(http_requests_total{app="checkout"}[1m]))"#).await, 200.0, 6.0));

    rig.set_image("checkout-canary", "v1.2.4").await;
    later(Duration::from_secs(90)).await;
    assert!(near(rig.value(ERROR_RATE).await, 0.3, 25.0), "without traffic a bad version harms nobody");

    rig.shift(10).await;
    later(Duration::from_secs(90)).await;
    let tenth = rig.value(ERROR_RATE).await;
    assert!(near(tenth, 0.9 * 0.3 + 0.1 * 8.0, 15.0), "{tenth}");
    let canary = rig.value(r#"sum(rate(http_requests_total{version="v1.2.4"}[1m])) / sum(rate(http_requests_total[1m]))"#).await;
    assert!(near(canary, 0.1, 5.0), "{canary}");
    let own = rig.value(r#"sum(rate(http_requests_total{version="v1.2.4",status=~"5.."}[1m])) / sum(rate(http_requests_total{version="v1.2.4"}[1m])) * 100"#).await;
    assert!(near(own, 8.0, 15.0), "{own}");

    rig.shift(50).await;
    later(Duration::from_secs(90)).await;
    assert!(near(rig.value(ERROR_RATE).await, 4.15, 12.0));
    assert!(rig.value(P95).await > 0.7);

    rig.shift(0).await;
    later(Duration::from_secs(90)).await;
    assert!(near(rig.value(ERROR_RATE).await, 0.3, 25.0), "a rollback cures");
    assert!(near(rig.value(P95).await, 0.18, 10.0));
}

#[tokio::test(start_paused = true)]
async fn a_service_without_pods_answers_503_to_everyone() {
    let rig = Rig::new(SCENARIO);
    let scale = Patch::Merge(json!({"spec": {"replicas": 0}}));
    rig.deployments().patch("checkout", &PatchParams::default(), &scale).await.unwrap();
    later(Duration::from_secs(90)).await;
    assert!(near(rig.value(ERROR_RATE).await, 100.0, 1.0));
}

#[tokio::test(start_paused = true)]
async fn blue_and_green_follow_the_selector() {
    let rig = Rig::new(
        r#"
pacenote-scenario: 1
scenario: blue-green
runbook: x.yaml
world:
  namespace: shop
  services:
    shop:
      rps: 100
      route: {selector: {app: shop, slot: blue}}
      versions: {v1: {errors: 1}, v2: {errors: 30}}
  deployments:
    shop-blue: {image: "shop:v1", replicas: 2, labels: {slot: blue}}
    shop-green: {image: "shop:v2", replicas: 2, labels: {slot: green}}
expect: {world: {shop-green: {version: v2, ready: 2, weight: 100}, shop-blue: {version: v1, replicas: 3, weight: 0}}}
"#,
    );
    let rate = r#"sum(rate(http_requests_total{app="shop",status=~"5.."}[1m])) / sum(rate(http_requests_total[1m])) * 100"#;
    assert!(near(rig.value(rate).await, 1.0, 15.0));
    assert_eq!(rig.get("shop.example.com", "/health").await.0, 200);
    let services: Api<k8s_openapi::api::core::v1::Service> = Api::namespaced(rig.client.clone(), "shop");
    let patch = Patch::Merge(json!({"spec": {"selector": {"slot": "green"}}}));
    services.patch("shop", &PatchParams::default(), &patch).await.unwrap();
    later(Duration::from_secs(90)).await;
    assert!(near(rig.value(rate).await, 30.0, 10.0));
    assert_eq!(rig.get("shop.example.com", "/health").await.0, 503, "a version that fails so often is not healthy");
    let differences: Vec<String> =
        rig.world.expectation().iter().map(|d| format!("{}: {} is {}", d.what, d.expected, d.found)).collect();
    assert_eq!(differences, ["shop-blue.replicas: 3 is 2"]);
}

#[tokio::test(start_paused = true)]
async fn queries_and_their_answers() {
    let rig = Rig::new(SCENARIO);
    later(Duration::from_secs(1)).await;
    for (query, expected) in [
        ("1 + 2 * 3 ^ 2", 19.0),
        ("-2 ^ 2", -4.0),
        ("2 ^ 3 ^ 2", 512.0),
        ("(7 - 3) % 3", 1.0),
        ("1 > bool 2", 0.0),
        ("scalar(vector(4)) / 2", 2.0),
        ("0x1f + 1e2", 131.0),
    ] {
        let answer = rig.query(query).await;
        assert_eq!(answer["data"]["resultType"], "scalar", "{answer}");
        assert_eq!(answer["data"]["result"][1].as_str().unwrap().parse::<f64>().unwrap(), expected, "{query}");
    }
    for (query, expected) in [
        ("vector(1) or vector(2)", 1.0),
        ("vector(1) / 0", f64::INFINITY),
        ("absent(nothing_like_it{app=\"x\"})", 1.0),
        ("count(count by (version) (http_requests_total))", 1.0),
        ("count(up == 1)", 5.0),
        ("sum(kube_deployment_status_replicas_available)", 5.0),
        ("kube_deployment_status_replicas_available{deployment!~\".*-canary\"}", 4.0),
        ("max(kube_deployment_spec_replicas) - min(kube_deployment_spec_replicas)", 3.0),
        ("avg without (deployment) (kube_deployment_spec_replicas{deployment=\"checkout\"} offset 30m)", 4.0),
        ("clamp_max(vector(7), 5) + clamp(vector(1), 2, 3)", 7.0),
        ("sum(up) - ignoring(pod) sum(up{app=\"checkout\"})", 0.0),
        ("count(up unless up{pod=~\"checkout-canary.*\"})", 4.0),
        ("count(up and on(pod) container_memory_working_set_bytes)", 5.0),
        ("count(topk(2, up))", 2.0),
        ("sum by (app) (up > 0)", 5.0),
        ("count_over_time(up{pod=~\"checkout-canary.*\"}[1m])", 12.0),
    ] {
        assert_eq!(rig.value(query).await, expected, "{query}");
    }
    let cpu = rig.value("sum(rate(container_cpu_usage_seconds_total[1m]))").await;
    assert!(near(cpu, 5.0 * 0.02 + 200.0 * 0.004, 10.0), "{cpu}");
    assert_eq!(rig.query("http_requests_total{app=\"nobody\"}").await["data"]["result"], json!([]));
    assert_eq!(rig.query("vector(0)/0").await["data"]["result"][0]["value"][1], "NaN");
}

#[tokio::test(start_paused = true)]
async fn queries_that_are_refused() {
    let rig = Rig::new(SCENARIO);
    for (query, status, expected) in [
        ("", 400, "1:1: parse error: no expression found in input"),
        ("sum(rate(http_requests_total[1m])", 400, "1:34: parse error: unclosed left parenthesis"),
        ("rates(http_requests_total[1m])", 400, "1:1: parse error: unknown function with name \"rates\""),
        ("rate(up)", 400, "expected type range vector in call to function \"rate\", got instant vector"),
        ("1 > 2", 400, "comparisons between scalars must use BOOL modifier"),
        ("up[5x]", 400, "bad number or duration syntax"),
        ("{app=~\".*\"}", 400, "at least one non-empty matcher"),
        ("up{a=~\"(\"}", 400, "error parsing regexp"),
        ("up * on(app) up", 422, "found duplicate series for the match group {app=\"checkout\"}"),
        ("predict_linear(up[5m], 60)", 422, "the simulated Prometheus does not support the function predict_linear"),
        ("max_over_time(rate(http_requests_total[1m])[5m])", 400, "ranges only allowed for vector selectors"),
        ("rate(up[5m:1m])", 422, "does not support subqueries"),
        ("up @ 0", 422, "does not support the @ modifier"),
        ("up * on(pod) group_left up", 422, "does not support group_left"),
        ("stddev(up)", 422, "does not support the aggregation stddev"),
    ] {
        let query: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
        let (found, body) = rig.get("prometheus.example.com", &format!("/api/v1/query?query={query}")).await;
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(found, status, "{query}: {body}");
        assert!(body["error"].as_str().unwrap().contains(expected), "{query}: {body}");
    }
}

#[tokio::test(start_paused = true)]
async fn ranges_reach_back_before_the_start() {
    let rig = Rig::new(SCENARIO);
    later(Duration::from_secs(10)).await;
    let end = rig.world.clock().now().timestamp();
    let query: String = url::form_urlencoded::byte_serialize(ERROR_RATE.as_bytes()).collect();
    let ask = |start: i64, end: i64, step: &str| {
        let path = format!("/api/v1/query_range?query={query}&start={start}&end={end}&step={step}");
        let rig = &rig;
        async move { rig.get("prometheus.example.com", &path).await }
    };
    let (_, body) = ask(end - 4_200, end, "15").await;
    let body: Value = serde_json::from_str(&body).unwrap();
    let values = body["data"]["result"][0]["values"].as_array().unwrap();
    assert_eq!(values.len(), 281);
    let numbers: Vec<f64> = values.iter().map(|v| v[1].as_str().unwrap().parse().unwrap()).collect();
    let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
    assert!(near(mean, 0.3, 5.0), "{mean}");
    assert!(numbers.iter().all(|n| near(*n, 0.3, 35.0)) && numbers.windows(2).any(|w| w[0] != w[1]), "graphs live");
    for (start, end, step, expected) in [
        (end, end - 10, "15", "end timestamp must not be before start time"),
        (end - 10, end, "0", "zero or negative query resolution step widths are not accepted"),
        (end - 1_000_000, end, "5", "exceeded maximum resolution of 11,000 points"),
    ] {
        let (status, body) = ask(start, end, step).await;
        assert!(status == 400 && body.contains(expected), "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_prometheus_answers_as_a_proxy_and_leaves_a_gap() {
    let rig = Rig::with_events("  - {at: 6m, prometheus: down, for: 2m}\n");
    later(Duration::from_secs(390)).await;
    let (status, body) = rig.get("prometheus.example.com", "/api/v1/query?query=up").await;
    assert!(status == 502 && body.contains("<html>"), "{body}");
    later(Duration::from_secs(180)).await;
    assert!(near(rig.value(ERROR_RATE).await, 0.3, 25.0));
    let samples = rig.value("count_over_time(up{pod=~\"checkout-canary.*\"}[9m])").await;
    assert!((80.0..90.0).contains(&samples), "{samples} of 109 are left");
}

/// Forty-five minutes of a deploy with a watcher and four pollers; every answer in one text.
async fn forty_five_minutes() -> String {
    let rig = Rig::with_events("  - {at: 20m, prometheus: down, for: 1m}\n");
    let (send, mut receive) = tokio::sync::mpsc::channel::<String>(256);
    for (host, path, every) in [
        ("checkout.example.com", "/health".to_owned(), 10),
        ("prometheus.example.com", ERROR_RATE.to_owned(), 15),
        ("prometheus.example.com", P95.to_owned(), 15),
        ("prometheus.example.com", "sum(rate(http_requests_total[1m]))".to_owned(), 15),
    ] {
        let send = send.clone();
        let router = rig.world.router();
        let path = match host {
            "checkout.example.com" => path,
            _ => format!("/api/v1/query?query={}", url::form_urlencoded::byte_serialize(path.as_bytes()).collect::<String>()),
        };
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(Duration::from_secs(every));
            loop {
                ticks.tick().await;
                let request = Request::get(&path).header("host", host).body(Body::empty()).unwrap();
                let body = router.clone().oneshot(request).await.unwrap().into_body();
                let body = axum::body::to_bytes(body, 1 << 24).await.unwrap();
                if send.send(String::from_utf8_lossy(&body).into_owned()).await.is_err() {
                    return;
                }
            }
        });
    }
    let watcher = kube::runtime::watcher(rig.pods(), kube::runtime::watcher::Config::default().timeout(30));
    let sending = send.clone();
    tokio::spawn(async move {
        let mut watcher = std::pin::pin!(watcher);
        while let Some(event) = watcher.next().await {
            if sending.send(format!("{event:?}")).await.is_err() {
                return;
            }
        }
    });
    let end = Instant::now() + Duration::from_secs(45 * 60);
    let mut log = String::new();
    let act = async {
        later(Duration::from_secs(60)).await;
        rig.set_image("checkout-canary", "v1.2.4").await;
        for weight in [10, 50, 0] {
            later(Duration::from_secs(600)).await;
            rig.shift(weight).await;
        }
        rig.set_image("checkout", "v1.2.5").await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        biased;
        () = tokio::time::sleep_until(end) => {}
        () = act => {}
        () = async {
            while let Some(line) = receive.recv().await {
                log.push_str(&line);
                log.push('\n');
            }
        } => {}
    }
    log
}

/// What this thread has had of a processor; other tests on the same cores do not count.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(stat.split_whitespace().next().unwrap().parse().unwrap())
}

/// Less than a second of processor time; three without optimisation.
#[test]
fn forty_five_minutes_take_less_than_a_second_and_are_the_same_twice() {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let began = processor_time();
        let log = runtime.block_on(forty_five_minutes());
        (log, processor_time() - began)
    };
    let ((first, fastest), (second, other)) = (run(), run());
    assert!(first.len() > 100_000 && first.contains("CrashLoopBackOff"));
    assert!(first == second, "the same seed gives the same answers");
    let fastest = fastest.min(other);
    let limit = Duration::from_secs(if cfg!(debug_assertions) { 3 } else { 1 });
    assert!(fastest > Duration::ZERO && fastest < limit, "{fastest:?}");
}
