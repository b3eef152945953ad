from __future__ import annotations

from pathlib import Path

from lateen.deliver.issued import with_issued_secrets
from lateen.diagnostics import Redacted
from lateen.identity import Authority, Certificate, CertificateStore
from lateen.model.identity import Ref
from lateen.model.mesh import Mesh
from lateen.model.secret import Secret


def secret(name: str, **fields: object) -> Secret:
    return Secret(Ref("Secret", "default", name), **fields)  # type: ignore[arg-type]


def test_only_secrets_that_ask_for_a_certificate_and_have_none_get_one(tmp_path: Path) -> None:
    Authority.create("cluster.local").save(tmp_path / "ca")
    own = {"tls.crt": Redacted(b"mine")}
    plain, issued = secret("plain", data=own), secret("issued", issue="rates.example.com")
    given = secret("given", data=own, issue="rates.example.com")
    store = CertificateStore.open(tmp_path)
    made = with_issued_secrets(Mesh(secrets=(plain, issued, given)), store)
    assert [s.ref.name for s in made.secrets] == ["plain", "issued", "given"]
    assert made.secrets[0].data == made.secrets[2].data == own
    filled = made.secrets[1].data
    assert set(filled) == {"tls.crt", "tls.key", "ca.crt"}
    assert filled["ca.crt"].reveal() == store.authority.root_pem
    Certificate.parse(filled["tls.crt"].reveal(), filled["tls.key"])


def test_another_process_gives_the_same_bytes(tmp_path: Path) -> None:
    Authority.create("cluster.local").save(tmp_path / "ca")
    mesh = Mesh(secrets=(secret("a", issue="a.example"),))
    first, second = (with_issued_secrets(mesh, CertificateStore.open(tmp_path)) for _ in range(2))
    assert first.secrets[0].data == second.secrets[0].data


def test_a_mesh_without_such_secrets_is_left_alone(tmp_path: Path) -> None:
    mesh = Mesh(secrets=(secret("plain"),))
    store = CertificateStore(Authority.create("cluster.local"), tmp_path / "certificates")
    assert with_issued_secrets(mesh, store) is mesh
