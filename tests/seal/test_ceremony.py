from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from strongroom.crypto.entropy import base62
from strongroom.errors import BadRequest
from strongroom.seal import seal
from strongroom.seal.ceremony import RekeyCeremony, RootGenerationCeremony
from strongroom.seal.config import SealConfig
from strongroom.seal.generate_root import decode_token
from tests.seal.keepers import Keep, run

FORGED = bytes(32) + b"\xff"


class Rekeying(RuleBasedStateMachine):
    """Whatever happens in whatever order: exactly the shares last made valid open the server."""

    def __init__(self) -> None:
        super().__init__()
        self.keep = Keep.shamir(3, 2)
        self.ceremony = self.keep.rekeying()
        self.shares, self.threshold = self.keep.shares, 2
        self.retired: list[tuple[list[bytes], int]] = []
        self.new: list[bytes] = []
        self.config: SealConfig | None = None
        self.verify = False
        self.given: set[bytes] = set()

    def nonce(self) -> str:
        status = run(self.ceremony.status(self.keep.tx))
        return str(status.get("verification_nonce") or status.get("nonce", ""))

    def become(self) -> None:
        self.retired.append((self.shares, self.threshold))
        assert self.config is not None
        self.shares, self.threshold = self.new, self.config.threshold
        self.forget()

    def forget(self) -> None:
        self.new, self.config, self.given = [], None, set()

    @rule(numbers=st.sampled_from(((1, 1), (2, 2), (4, 3))), verify=st.booleans())
    def start(self, numbers: tuple[int, int], verify: bool) -> None:
        config = SealConfig("shamir", *numbers)
        if self.config is not None:
            with pytest.raises(BadRequest, match="already in progress"):
                run(self.ceremony.start(self.keep.tx, config, verify=verify))
            return
        run(self.ceremony.start(self.keep.tx, config, verify=verify))
        self.config, self.verify = config, verify

    @rule(which=st.integers(0, 3), commits=st.booleans())
    def submit(self, which: int, commits: bool) -> None:
        share = self.shares[which % len(self.shares)]
        if self.config is None or self.new or share in self.given:
            with pytest.raises(BadRequest):
                run(self.ceremony.update(self.keep.tx, share, self.nonce()))
            return
        before = dict(self.keep.tx.rows)
        last = len(self.given) + 1 == self.threshold
        if last and FORGED in self.given:
            with pytest.raises(BadRequest):
                run(self.ceremony.update(self.keep.tx, share, self.nonce()))
            self.given = set()
            return
        step = run(self.ceremony.update(self.keep.tx, share, self.nonce()))
        assert step.answer.get("complete", False) == last
        if not last:
            self.given.add(share)
        elif not commits:
            self.keep.tx.rows = before
        else:
            step.done()
            self.given = set()
            self.new = [bytes.fromhex(key) for key in step.answer["keys"]]
            if not self.verify:
                self.become()

    @precondition(lambda self: self.config is not None and not self.new and self.threshold > 1)
    @rule()
    def submit_forgery(self) -> None:
        """It counts until the quorum is complete; only then can it be found out."""
        if FORGED in self.given:
            return
        nonce = self.nonce()
        if len(self.given) + 1 < self.threshold:
            run(self.ceremony.update(self.keep.tx, FORGED, nonce))
            self.given.add(FORGED)
        else:
            with pytest.raises(BadRequest):
                run(self.ceremony.update(self.keep.tx, FORGED, nonce))
            self.given = set()
        assert self.nonce() == nonce

    @precondition(lambda self: bool(self.new))
    @rule(which=st.integers(0, 3))
    def verify_share(self, which: int) -> None:
        share = self.new[which % len(self.new)]
        assert self.config is not None
        if share in self.given:
            with pytest.raises(BadRequest, match="already been provided"):
                run(self.ceremony.verify(self.keep.tx, share, self.nonce()))
            return
        step = run(self.ceremony.verify(self.keep.tx, share, self.nonce()))
        if len(self.given) + 1 < self.config.threshold:
            self.given.add(share)
            assert step.answer["progress"] == len(self.given)
        else:
            assert step.answer["complete"]
            step.done()
            self.become()

    @precondition(lambda self: bool(self.new))
    @rule()
    def restart_verification(self) -> None:
        nonce = self.nonce()
        answer = self.ceremony.restart_verification(nonce)
        assert answer["nonce"] != nonce
        assert answer["progress"] == 0
        self.given = set()

    @rule(privileged=st.booleans())
    def cancel(self, privileged: bool) -> None:
        nonce = run(self.ceremony.status(self.keep.tx)).get("nonce", "")
        self.ceremony.cancel("" if privileged else nonce, privileged=privileged)
        self.forget()

    @precondition(lambda self: self.config is not None)
    @rule()
    def strangers_get_nowhere(self) -> None:
        with pytest.raises(BadRequest, match="nonce"):
            self.ceremony.cancel("")
        with pytest.raises(BadRequest, match="nonce"):
            run(
                self.ceremony.verify(self.keep.tx, self.shares[0], "x")
                if self.new
                else self.ceremony.update(self.keep.tx, self.shares[0], "x")
            )

    @invariant()
    def exactly_the_valid_shares_open(self) -> None:
        assert self.keep.opens_with(self.shares, self.threshold)
        for shares, threshold in self.retired[-1:]:
            assert not self.keep.opens_with(shares, threshold)
        if self.new and self.config:
            assert not self.keep.opens_with(self.new, self.config.threshold)

    @invariant()
    def status_is_true(self) -> None:
        status = run(self.ceremony.status(self.keep.tx))
        assert status["required"] == self.threshold
        assert status["started"] == (self.config is not None)
        if self.config is not None and not self.new:
            assert status["progress"] == len(self.given)


TestRekeying = Rekeying.TestCase
TestRekeying.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


def rekeyed(
    keep: Keep, ceremony: RekeyCeremony, config: SealConfig, *, verify: bool = False
) -> dict[str, Any]:
    nonce = run(ceremony.start(keep.tx, config, verify=verify))["nonce"]
    for share in keep.shares:
        step = run(ceremony.update(keep.tx, share, nonce))
        if step.answer.get("complete"):
            step.done()
            return step.answer
    raise AssertionError("the keepers were too few")


def test_answers_have_the_wire_s_keys() -> None:
    keep = Keep.shamir(3, 2)
    ceremony = keep.rekeying()
    assert run(ceremony.status(keep.tx)) == {"n": 0, "required": 2, "started": False, "t": 0}
    assert run(ceremony.status(keep.tx, legacy=True)) == {
        "nonce": "",
        "started": False,
        "t": 0,
        "n": 0,
        "progress": 0,
        "required": 2,
        "pgp_fingerprints": None,
        "backup": False,
        "verification_required": False,
    }
    started = run(ceremony.start(keep.tx, SealConfig("shamir", 4, 3), verify=True))
    expected = {
        "n": 4,
        "nonce": started["nonce"],
        "progress": 0,
        "required": 2,
        "started": True,
        "t": 3,
        "verification_nonce": "",
        "verification_required": True,
    }
    assert started == expected
    legacy = run(ceremony.status(keep.tx, legacy=True))
    del expected["verification_nonce"]
    assert legacy == expected | {"pgp_fingerprints": None, "backup": False}


def test_the_final_answer_and_verification() -> None:
    keep = Keep.shamir(3, 2)
    ceremony = keep.rekeying()
    answer = rekeyed(keep, ceremony, SealConfig("shamir", 3, 2), verify=True)
    assert set(answer) == {
        "backup",
        "complete",
        "keys",
        "keys_base64",
        "nonce",
        "pgp_fingerprints",
        "verification_nonce",
        "verification_required",
    }
    status = ceremony.verification_status()
    assert status == {
        "n": 3,
        "nonce": answer["verification_nonce"],
        "progress": 0,
        "started": True,
        "t": 2,
    }
    with pytest.raises(BadRequest, match="verification must be performed"):
        run(ceremony.update(keep.tx, keep.shares[0], answer["nonce"]))
    wrong = keep.shares[:2]
    run(ceremony.verify(keep.tx, wrong[0], status["nonce"]))
    with pytest.raises(BadRequest, match="incorrect key shares supplied"):
        run(ceremony.verify(keep.tx, wrong[1], status["nonce"]))
    assert ceremony.verification_status()["nonce"] != status["nonce"]
    assert keep.opens_with(keep.shares, 2)


def test_verification_paths_without_a_rekey() -> None:
    keep = Keep.shamir(3, 2)
    ceremony = keep.rekeying()
    for attempt in (ceremony.verification_status, ceremony.restart_verification):
        with pytest.raises(BadRequest, match="no rotation configuration found"):
            attempt()
    with pytest.raises(BadRequest, match="no rotation in progress"):
        run(ceremony.update(keep.tx, keep.shares[0], "x"))
    with pytest.raises(BadRequest, match="no rotation in progress"):
        run(ceremony.verify(keep.tx, keep.shares[0], "x"))


def test_an_error_never_tells_the_nonce() -> None:
    keep = Keep.shamir(3, 2)
    ceremony = keep.rekeying()
    nonce = run(ceremony.start(keep.tx, SealConfig("shamir", 1, 1)))["nonce"]
    with pytest.raises(BadRequest) as caught:
        ceremony.cancel("guess")
    assert nonce not in caught.value.public


@pytest.mark.parametrize(
    ("config", "words"),
    (
        (SealConfig("shamir", 3, 5), "invalid rotation seal configuration: threshold cannot be larger"),
        (SealConfig("shamir", 1, 1, backup=True), "without providing PGP keys"),
        (SealConfig("shamir", 2, 2, ("x",)), "count mismatch"),
    ),
)
def test_a_start_that_makes_no_sense(config: SealConfig, words: str) -> None:
    keep = Keep.shamir(3, 2)
    with pytest.raises(BadRequest, match=words):
        run(keep.rekeying().start(keep.tx, config))


def test_recovery_keys_rekey_under_an_auto_unseal_seal() -> None:
    keep = Keep.static(3, 2)
    answer = rekeyed(keep, keep.rekeying("recovery"), SealConfig("shamir", 1, 1))
    sealer = keep.sealers["static"]
    assert keep.opens(sealer)
    run(seal.authorise(keep.tx, bytes.fromhex(answer["keys"][0]), sealer))
    assert run(seal.keepers(keep.tx)).threshold == 1


def test_recovery_keys_do_not_exist_under_shamir() -> None:
    keep = Keep.shamir(3, 2)
    ceremony = keep.rekeying("recovery")
    with pytest.raises(BadRequest, match="recovery keys not supported"):
        run(ceremony.start(keep.tx, SealConfig("shamir", 1, 1)))
    with pytest.raises(BadRequest, match="recovery keys not supported"):
        run(ceremony.status(keep.tx))


def test_target_root_under_an_auto_unseal_seal_hands_out_nothing() -> None:
    keep = Keep.static(3, 2)
    before = bytes(keep.barrier.ring.root_key)
    answer = rekeyed(keep, keep.rekeying(), SealConfig("shamir", 0, 0))
    assert answer["keys"] == []
    assert bytes(keep.barrier.ring.root_key) != before
    assert keep.opens(keep.sealers["static"])


def test_a_dropped_ceremony_is_gone() -> None:
    keep = Keep.shamir(3, 2)
    ceremony = keep.rekeying()
    run(ceremony.start(keep.tx, SealConfig("shamir", 1, 1)))
    ceremony.drop()
    assert not run(ceremony.status(keep.tx))["started"]


def test_no_backup_without_pgp() -> None:
    keep = Keep.shamir(3, 2)
    ceremony = keep.rekeying()
    with pytest.raises(BadRequest, match="no backed-up keys found"):
        run(ceremony.backup(keep.tx))
    ceremony.delete_backup(keep.tx)


class Minting(RuleBasedStateMachine):
    """A root token leaves only with a full quorum, and only once."""

    def __init__(self) -> None:
        super().__init__()
        self.keep = Keep.shamir(4, 3)
        self.ceremony = RootGenerationCeremony({})
        self.otp = ""
        self.given: set[bytes] = set()
        self.minted: list[str] = []

    async def mint(self) -> str:
        self.minted.append("hvs." + base62(24))
        return self.minted[-1]

    @rule(own=st.booleans())
    def start(self, own: bool) -> None:
        otp = base62(28) if own else ""
        if self.otp:
            with pytest.raises(BadRequest, match="already in progress"):
                run(self.ceremony.start(self.keep.tx, otp))
            return
        answer = run(self.ceremony.start(self.keep.tx, otp))
        assert bool(answer["otp"]) == (not own)
        self.otp = otp or answer["otp"]

    @rule(which=st.integers(0, 3), forged=st.booleans(), legacy=st.booleans())
    def submit(self, which: int, forged: bool, legacy: bool) -> None:
        share = bytes([which]) * 32 + bytes([which + 1]) if forged else self.keep.shares[which]
        nonce = str(run(self.ceremony.status(self.keep.tx)).get("nonce", ""))
        count = len(self.minted)
        expected_to_fail = (
            not self.otp
            or share in self.given
            or (len(self.given) == 2 and not self.given | {share} <= set(self.keep.shares))
        )
        if expected_to_fail:
            with pytest.raises(BadRequest):
                run(self.ceremony.update(self.keep.tx, share, nonce, self.mint, legacy=legacy))
            assert len(self.minted) == count
            self.given = self.given if not self.otp or share in self.given else set()
            return
        step = run(self.ceremony.update(self.keep.tx, share, nonce, self.mint, legacy=legacy))
        self.given.add(share)
        assert step.answer["progress"] == len(self.given)
        if len(self.given) == 3:
            step.done()
            assert step.answer["complete"]
            assert decode_token(step.answer["encoded_token"], self.otp) == self.minted[-1]
            self.otp, self.given = "", set()
        else:
            assert step.answer["encoded_token"] == ""
            assert len(self.minted) == count

    @precondition(lambda self: bool(self.otp))
    @rule()
    def strangers_get_nowhere(self) -> None:
        with pytest.raises(BadRequest, match="nonce"):
            self.ceremony.cancel("x")
        with pytest.raises(BadRequest, match="nonce"):
            run(self.ceremony.update(self.keep.tx, self.keep.shares[0], "x", self.mint))

    @rule()
    def cancel(self) -> None:
        self.ceremony.cancel(privileged=True)
        self.otp, self.given = "", set()

    @invariant()
    def the_password_is_shown_once(self) -> None:
        status = run(self.ceremony.status(self.keep.tx))
        assert status["otp"] == ""
        assert status["otp_length"] == 28
        assert status["started"] == bool(self.otp)


TestMinting = Minting.TestCase
TestMinting.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
