//! A peer's description in the W3C header `baggage`, under the names that Istio's ambient proxies use.
//!
//! Source: Istio, `extensions/common/metadata_object.cc` (`WorkloadMetadataObject::baggage`); the names are
//! OpenTelemetry's for resources.

use crate::peer::{self, usable, Peer};

/// Names of members, with the place of the attribute that each gives.
static MEMBERS: [(&str, usize); 10] = [
    ("k8s.namespace.name", peer::NAMESPACE),
    ("k8s.cluster.name", peer::CLUSTER),
    ("k8s.deployment.name", peer::WORKLOAD),
    ("k8s.cronjob.name", peer::WORKLOAD),
    ("k8s.job.name", peer::WORKLOAD),
    ("k8s.pod.name", peer::WORKLOAD),
    ("service.name", peer::CANONICAL_SERVICE),
    ("service.version", peer::CANONICAL_REVISION),
    ("app.name", peer::APP),
    ("app.version", peer::VERSION),
];

/// The peer, or nothing where the header does not say of which namespace it is.
///
/// Of several members for one attribute the first counts. A value with escapes is no name that Kubernetes allows.
pub fn decode(header: &[u8]) -> Option<Peer> {
    let mut peer = Peer::default();
    for member in header.split(|byte| *byte == b',') {
        let mut sides = member.split(|byte| *byte == b'=');
        let name = sides.next().unwrap_or_default().trim_ascii();
        let value = sides.next().unwrap_or_default().split(|byte| *byte == b';').next().unwrap_or_default();
        let place = MEMBERS.iter().find(|(known, _)| known.as_bytes() == name).map(|(_, place)| *place);
        let attribute = place.and_then(|place| peer.values.get_mut(place)).filter(|attribute| attribute.is_empty());
        let text = core::str::from_utf8(value.trim_ascii()).ok();
        if let (Some(attribute), Some(text)) = (attribute, text.filter(|text| usable(text) && !text.contains('%'))) {
            attribute.push_str(text);
        }
    }
    (!peer.namespace().is_empty()).then_some(peer)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WEB: &str = "k8s.deployment.name=web,k8s.namespace.name=shop,k8s.cluster.name=c1,service.name=storefront,\
        service.version=r1,app.name=web,app.version=v1";

    #[test]
    fn what_istio_writes_is_read() {
        let peer = decode(WEB.as_bytes()).unwrap();
        assert_eq!(peer.values, ["web", "shop", "web", "v1", "storefront", "r1", "c1"]);
    }

    #[test]
    fn space_and_properties_are_no_part_of_a_value() {
        let peer = decode(b" other=1;p , k8s.namespace.name = shop ;p=1;q,k8s.job.name= nightly").unwrap();
        assert_eq!(peer.values, ["nightly", "shop", "", "", "", "", ""]);
    }

    #[test]
    fn without_a_namespace_it_describes_nobody() {
        let escaped = "k8s.namespace.name=sh%6fp,k8s.job.name=x";
        for text in ["", "k8s.job.name=x", "k8s.namespace.name=", "k8s.namespace.name", escaped] {
            assert_eq!(decode(text.as_bytes()), None, "{text}");
        }
        assert_eq!(decode(b"k8s.namespace.name=\xff"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_end_the_machine(bytes: Vec<u8>) {
            let _ = decode(&bytes);
        }

        #[test]
        fn any_order_says_the_same(members in Just(WEB.split(',').collect::<Vec<_>>()).prop_shuffle()) {
            prop_assert_eq!(decode(members.join(",").as_bytes()), decode(WEB.as_bytes()));
        }
    }
}
