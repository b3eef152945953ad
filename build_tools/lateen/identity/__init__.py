"""Who a workload is: a local certificate authority, SPIFFE certificates, and the files that keep their keys."""

from lateen.identity.ca import Authority, Certificate, spiffe_id
from lateen.identity.store import CertificateStore

__all__ = ["Authority", "Certificate", "CertificateStore", "spiffe_id"]
