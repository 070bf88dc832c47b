"""`fedqmix certs`: what it makes, what it leaves alone, what it refuses."""

from __future__ import annotations

import re
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_ssh_private_key, load_ssh_public_key
from cryptography.x509.verification import PolicyBuilder, Store
from flwr.cli.supernode.register import try_load_public_key

from fedqmix.runtime.cli.certs_options import parse
from fedqmix.runtime.cli.main import main
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.deployment.parties import parties
from fedqmix.runtime.transport import authority, identity
from fedqmix.runtime.transport.identity import Identity


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "certs"


def certs(out: Path, *words: str) -> None:
    assert main(["certs", f"out={out}", *words]) == 0


def contents(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def names(out: Path, party: str) -> tuple[list[str], list[str]]:
    certificate = x509.load_pem_x509_certificate((out / party / "party.crt").read_bytes())
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return extension.get_values_for_type(x509.DNSName), [str(a) for a in extension.get_values_for_type(x509.IPAddress)]


def test_every_party_gets_a_folder_that_is_an_identity(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    certs(out, "agents=2", "hosts.world=10.0.0.2,World.lan", "hosts.superlink=FD00:0::2")
    assert {path.name for path in out.iterdir() if path.is_dir()} == set(parties(2))
    for party in parties(2):
        assert Identity(out / party).party == party
    assert names(out, "mixer") == (["mixer", "localhost"], ["127.0.0.1", "::1"])
    assert names(out, "world") == (["world", "localhost", "world.lan"], ["127.0.0.1", "::1", "10.0.0.2"])
    assert names(out, "superlink")[1][-1] == "fd00::2"
    printed = capsys.readouterr().out
    assert all(party in printed for party in parties(2))
    assert "every folder" in printed


def test_secrets_are_their_owners_alone(out: Path) -> None:
    certs(out, "agents=1")
    secrets = list(out.rglob("*.key"))
    assert len(secrets) == 1 + 6 + 1  # the authority's, one a party, and the SuperNode's for Flower
    assert {stat.S_IMODE(path.stat().st_mode) for path in secrets} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in [out, *out.glob("*/")]} == {0o700}
    assert not list(out.rglob(".tmp-*"))


def test_flower_takes_the_keys_of_the_supernodes(out: Path) -> None:
    certs(out, "agents=1")
    key = load_ssh_private_key((out / "supernode-0" / "auth.key").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    public = out / "supernode-0" / "auth.pub"
    assert load_ssh_public_key(public.read_bytes()) == key.public_key()
    assert try_load_public_key(public).startswith(b"-----BEGIN PUBLIC KEY")
    assert (out / "superlink" / "supernode-0.pub").read_bytes() == public.read_bytes()


def test_strict_verifiers_agree(out: Path) -> None:
    """The rules of browsers, which ask for more than OpenSSL does (cryptography's implementation of RFC 5280)."""
    certs(out, "agents=1")
    builder = PolicyBuilder().store(Store([x509.load_pem_x509_certificate((out / "ca.crt").read_bytes())]))
    for party in parties(1):
        certificate = x509.load_pem_x509_certificate((out / party / "party.crt").read_bytes())
        assert builder.build_server_verifier(x509.DNSName(party)).verify(certificate, [])
        assert builder.build_client_verifier().verify(certificate, [])


def test_again_adds_what_is_missing_and_leaves_the_rest(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    certs(out, "agents=1")
    before = contents(out)
    certs(out)
    assert contents(out) == before
    capsys.readouterr()
    certs(out, "agents=2", "hosts.mixer=10.0.0.9")
    after = contents(out)
    changed = {name for name in before if after[name] != before[name]}
    assert changed == {"mixer/party.crt", "mixer/party.key"}
    assert {name.split("/")[0] for name in after.keys() - before.keys()} == {"superlink", "agent-1", "supernode-1"}
    assert names(out, "mixer")[1][-1] == "10.0.0.9"
    assert re.search(r"Copy to .*: superlink, mixer, agent-1, supernode-1\.", capsys.readouterr().out)


def test_renewing_keeps_names_authority_and_node_keys(out: Path) -> None:
    certs(out, "agents=1", "days=20", "hosts.world=world.lan")
    before = contents(out)
    certs(out, "renew=true")
    after = contents(out)
    same = {"ca.crt", "ca.key", "supernode-0/auth.key", "supernode-0/auth.pub", "superlink/supernode-0.pub"}
    same |= {f"{party}/ca.crt" for party in parties(1)}
    assert {name for name in before if after[name] == before[name]} == same
    assert names(out, "world")[0] == ["world", "localhost", "world.lan"]
    assert Identity(out / "world").ends - datetime.now(UTC) > timedelta(days=800)


def test_what_ends_soon_or_has_ended_is_said(
    out: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    certs(out, "agents=1", "days=31")
    assert "expires" not in capsys.readouterr().out
    for later, said in ((5, "expires in 25 days"), (40, "expired on")):
        time = datetime.now(UTC) + timedelta(days=later)
        for module in (authority, identity):
            monkeypatch.setattr(module, "now", lambda time=time: time)
        certs(out)
        printed = capsys.readouterr().out
        assert printed.count(said) == len(parties(1))
        assert f"fedqmix certs renew=true out={out}" in printed


def test_a_damaged_or_foreign_certificate_is_replaced(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    certs(out, "agents=1")
    certs(out.parent / "other", "agents=1")
    (out / "world" / "party.key").write_bytes(b"")
    (out / "mixer" / "party.crt").write_bytes((out.parent / "other" / "mixer" / "party.crt").read_bytes())
    capsys.readouterr()
    certs(out)
    assert capsys.readouterr().out.count("replaced:") == 2
    assert [Identity(out / party).party for party in ("world", "mixer")] == ["world", "mixer"]


def test_an_authority_is_never_overwritten(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    certs(out, "agents=1")
    kept = (out / "ca.crt").read_bytes()
    (out / "ca.key").rename(out / "elsewhere")
    assert main(["certs", f"out={out}"]) == 2
    assert "ca.key is not. Put it back" in capsys.readouterr().err.replace("\n", " ")
    assert (out / "ca.crt").read_bytes() == kept
    assert not (out / "ca.key").exists()
    (out / "ca.key").write_bytes(b"damaged")
    assert main(["certs", f"out={out}"]) == 2
    assert (out / "ca.key").read_bytes() == b"damaged"


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("agent=3", "unknown option 'agent'; did you mean 'agents'?"),
        ("agents=0", "agents=0 must be a whole number from 1 to 1000"),
        ("agents=three", "agents=three must be a whole number"),
        ("days=99999", "days=99999 must be a whole number from 1 to 3650"),
        ("renew=yes", "renew=yes must be true or false"),
        ("renew", "'renew' has no value; write renew=..."),
        ("hosts.wrold=a", "unknown party 'wrold'; did you mean 'world'?"),
        ("hosts.agent-3=a", "unknown party 'agent-3'"),
        ("hosts.world=10.0.0.2:9101", "'10.0.0.2:9101' is neither a host name"),
        ("hosts.world=*.lan", "is neither a host name"),
        ("hosts.world=10.0.0.256", "is neither a host name"),
        ("hosts.world=a,,b", "is neither a host name"),
        ("hosts.agent-0=world", "'world' is the name of another party"),
        ("hosts.agent-0=agent-7", "'agent-7' is the name of another party"),
    ],
)
def test_a_mistake_is_refused_before_anything_is_written(out: Path, word: str, said: str) -> None:
    words = [f"out={out}", "agents=3", word] if not word.startswith("agents=") else [f"out={out}", word]
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        parse(words)
    assert main(["certs", *words]) == 2
    assert not out.exists()


def test_the_first_time_the_number_of_agents_is_needed(out: Path) -> None:
    with pytest.raises(ConfigurationError, match="how many agents"):
        parse([f"out={out}"])
    with pytest.raises(ConfigurationError, match="days is set twice"):
        parse(["agents=1", "days=1", "days=2"])


def test_a_place_that_cannot_be_written_to_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["certs", "agents=1", f"out={tmp_path}/file/certs"]) == 1
    said = capsys.readouterr().err.replace("\n", " ")
    assert "file/certs: Not a directory" in said
    assert "run the command again" in said
