//! Any pieces of a body, any content, any headers.

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn a_body_may_arrive_in_any_pieces(sizes in prop::collection::vec(0usize..9, 1..9), shadow: bool) {
        let mode = if shadow { "shadow" } else { "enforce" };
        let mut plugin = Plugin::new(&WEBHOOKS.replacen('{', &format!(r#"{{"mode": "{mode}", "#), 1));
        let (mut rest, mut pieces) = (BODY.as_bytes(), Vec::new());
        for size in sizes {
            let (piece, tail) = rest.split_at(size.min(rest.len()));
            pieces.push(piece);
            rest = tail;
        }
        pieces.push(rest);
        let headers = [
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("webhook-timestamp", "1614265330"),
            ("webhook-signature", SIGNATURE),
        ];
        prop_assert_eq!(plugin.call(&headers, &pieces).reason, "verified");
    }

    #[test]
    fn only_the_signed_body_passes(body: Vec<u8>) {
        let mut plugin = Plugin::new(WEBHOOKS);
        let headers = [
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("webhook-timestamp", "1614265330"),
            ("webhook-signature", SIGNATURE),
        ];
        prop_assert_eq!(plugin.call(&headers, &[&body]).status.is_none(), body == BODY.as_bytes());
    }

    #[test]
    fn no_headers_end_the_machine(pairs in prop::collection::vec(("(webhook-(id|timestamp|signature)|:path|s|t|n|k|content-(digest|length))", "\\PC{0,40}"), 0..8)) {
        let headers: Vec<_> = pairs.iter().map(|(name, value)| (&**name, &**value)).collect();
        Plugin::new(WEBHOOKS).send(&headers, &[b"x"], false);
        recipe(
            r#""signature": {"query": "s", "separator": " ", "encoding": "base64url"}, "key_id": {"header": "k", "parameter": "id"},
            "timestamp": {"header": "t"}, "nonce": {"query": "n"}, "content_digest": "required",
            "parts": ["path", "query", "timestamp", "nonce", {"header": "content-digest"}]"#,
        ).send(&headers, &[b"x"], false);
    }
}
