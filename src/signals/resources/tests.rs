use serde_json::json;

use super::*;

#[test]
fn quantities_are_read_as_kubernetes_writes_them() {
    let cases = [
        ("250m", 0.25),
        ("2", 2.0),
        ("64Mi", 67_108_864.0),
        ("1e3", 1_000.0),
        ("1.5k", 1_500.0),
        ("2E", 2e18),
        ("1Ei", 1_152_921_504_606_846_976.0),
        ("37418n", 3.7418e-5),
    ];
    for (text, value) in cases {
        let read = quantity(text).expect(text);
        assert!((read - value).abs() <= value * 1e-12, "{text}: {read}");
    }
    for text in ["", "m", "12Qi", "-1", "NaN", "inf"] {
        assert_eq!(quantity(text), None, "{text}");
    }
}

#[test]
fn a_container_without_a_limit_leaves_no_percentage() {
    let measured = json!({"containers": [{"name": "a", "usage": {"cpu": "80m", "memory": "10Mi"}}, {"name": "b", "usage": {"cpu": "10m", "memory": "10Mi"}}]});
    let pod = json!({"spec": {"containers": [
        {"name": "a", "resources": {"limits": {"cpu": "100m", "memory": "20Mi"}}},
        {"name": "b", "resources": {"limits": {"memory": "20Mi"}}},
    ]}});
    let cpu = of_pod(&measured, &pod, "cpu").expect("readable");
    assert_eq!((cpu.percent(), cpu.used), (None, 0.09));
    assert_eq!(of_pod(&measured, &pod, "memory").and_then(Use::percent), Some(50.0));
}
