//! Who is at the other end of a connection, as mutual TLS proves it.

use alloc::string::String;

use lateen_sdk::{property, Host};

/// The namespace of the caller, if both ends of its connection have an identity of a mesh.
pub fn downstream_namespace<H: Host>(host: &H) -> Option<String> {
    namespace_behind(host, "connection")
}

/// The namespace of the called workload, if both ends of the connection to it have an identity of a mesh.
pub fn upstream_namespace<H: Host>(host: &H) -> Option<String> {
    namespace_behind(host, "upstream")
}

/// A certificate of this end that is not a workload's means that the connection crosses the edge of the mesh, where the
/// other end's certificate is of another authority: it may say any namespace.
fn namespace_behind<H: Host>(host: &H, connection: &str) -> Option<String> {
    let peer = property::text(host, &[connection, "uri_san_peer_certificate"])?;
    let own = property::text(host, &[connection, "uri_san_local_certificate"])?;
    namespace(&own)?;
    namespace(&peer).map(Into::into)
}

/// The namespace in `spiffe://TRUST_DOMAIN/ns/NAMESPACE/sa/SERVICE_ACCOUNT`.
fn namespace(spiffe_id: &str) -> Option<&str> {
    let mut parts = spiffe_id.strip_prefix("spiffe://")?.split('/');
    let found = match (parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?) {
        (domain, "ns", found, "sa", account) if !domain.is_empty() && !account.is_empty() => found,
        _ => return None,
    };
    (parts.next().is_none() && !found.is_empty()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::namespace;

    #[test]
    fn a_workload_identity_names_its_namespace() {
        assert_eq!(namespace("spiffe://cluster.local/ns/shop/sa/web"), Some("shop"));
    }

    #[test]
    fn anything_else_names_none() {
        for other in [
            "",
            "spiffe://cluster.local",
            "spiffe://cluster.local/ns/shop",
            "spiffe://cluster.local/ns//sa/web",
            "spiffe://cluster.local/ns/shop/sa/",
            "spiffe:///ns/shop/sa/web",
            "spiffe://cluster.local/ns/shop/sa/web/more",
            "spiffe://cluster.local/x/ns/shop/sa/web",
            "https://cluster.local/ns/shop/sa/web",
        ] {
            assert_eq!(namespace(other), None, "{other}");
        }
    }
}
