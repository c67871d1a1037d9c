//! How many wait, told to every page of whoever they wait for.

use super::*;

#[tokio::test]
async fn newest_that_waits_is_told_also_where_more_wait_than_are_counted() {
    let house = house().await;
    let mut olga = clerk(&house, "reviewer").await;
    let told = async |olga: &mut Browser<'_>| -> Value {
        serde_json::from_str(&olga.get("/console/waiting").await.text).unwrap()
    };
    assert_eq!(told(&mut olga).await, json!({"count": 0, "shown": "0", "newest": null}));
    let (first, _) = erasure(&house).await;
    assert_eq!(told(&mut olga).await, json!({"count": 1, "shown": "1", "newest": first}));
    for _ in 0..50 {
        let body = json!({"action": "erase", "subject": {"email": "ana@example.test"}});
        assert_eq!(house.call("desk", "POST", "/v1/requests", body).await.status, 201);
    }
    let mut before = String::new();
    for _ in 0..2 {
        let (newest, _) = erasure(&house).await;
        let mut now = told(&mut olga).await;
        // Those before it are looked at by the same worker, and not in order.
        for _ in 0..500 {
            if now["shown"] == "50+" && now["newest"] == *newest {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            now = told(&mut olga).await;
        }
        assert_eq!(now, json!({"count": 50, "shown": "50+", "newest": newest}));
        assert!(newest > before, "a later one is greater");
        before = newest;
    }
    // Whoever signs nothing and settles nothing is told of nothing.
    let mut aude = clerk(&house, "auditor").await;
    assert_eq!(told(&mut aude).await["count"], 0);
    assert!(!aude.get("/console/requests").await.text.contains("data-waiting"));
    assert!(olga.get("/console/requests").await.text.contains("data-waiting=\"/console/waiting\""));
}
