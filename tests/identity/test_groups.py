"""What groups give, against a model that looks at everything each time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.entering import make
from tests.inprocess import InProcess, inprocess

ENTITIES, GROUPS = 3, 5

Step = tuple[str, int, frozenset[int]]

steps = st.lists(
    st.one_of(
        st.tuples(
            st.just("members"), st.integers(0, GROUPS - 1), st.frozensets(st.integers(0, ENTITIES - 1))
        ),
        st.tuples(st.just("children"), st.integers(0, GROUPS - 1), st.frozensets(st.integers(0, GROUPS - 1))),
        st.tuples(st.just("delete"), st.integers(0, GROUPS - 1), st.just(frozenset[int]())),
        st.tuples(st.just("policies"), st.integers(0, GROUPS - 1), st.frozensets(st.integers(0, 9))),
    ),
    max_size=12,
)


@dataclass
class Model:
    """Groups as sets; policies are found by walking up from every group, whatever that costs."""

    members: dict[int, frozenset[int]] = field(
        default_factory=lambda: dict.fromkeys(range(GROUPS), frozenset())
    )
    children: dict[int, frozenset[int]] = field(
        default_factory=lambda: dict.fromkeys(range(GROUPS), frozenset())
    )
    policies: dict[int, frozenset[int]] = field(
        default_factory=lambda: dict.fromkeys(range(GROUPS), frozenset())
    )

    def below(self, group: int, children: dict[int, frozenset[int]]) -> set[int]:
        """A group and all that belong to it, at any distance; ends although there be a cycle."""
        found: set[int] = set()
        waiting = [group]
        while waiting:
            one = waiting.pop()
            if one not in found:
                found.add(one)
                waiting.extend(children.get(one, ()))
        return found

    def allows(self, group: int, wanted: frozenset[int]) -> bool:
        return all(group not in self.below(child, self.children) for child in wanted)

    def of_entity(self, entity: int) -> set[int]:
        holding = {
            group
            for group in self.members
            if any(entity in self.members[one] for one in self.below(group, self.children))
        }
        return {name for group in holding for name in self.policies[group]}


@settings(max_examples=40, deadline=None)
@given(steps)
def test_policies_are_those_of_the_model(todo: list[Step]) -> None:
    async def scenario(api: InProcess) -> None:
        model = Model()
        entities = [await make(api, "entity", name=f"e{n}") for n in range(ENTITIES)]
        groups = {n: await make(api, "group", name=f"g{n}") for n in range(GROUPS)}
        tokens = await _tokens(api, entities)
        for kind, group, wanted in todo:
            if group in groups and wanted <= set(groups if kind == "children" else range(10)):
                await _apply(api, model, groups, entities, (kind, group, wanted))
            for number, token in enumerate(tokens):
                found = (await api("GET", "auth/token/lookup-self", token=token)).data
                names = {int(name[1:]) for name in found.get("identity_policies", ())}
                assert names == model.of_entity(number)

    inprocess(scenario, seconds=60)


async def _tokens(api: InProcess, entities: list[str]) -> list[str]:
    """A token for each entity, made through an alias at the token store."""
    accessor = (await api("GET", "sys/auth")).data["token/"]["accessor"]
    await api("POST", "auth/token/roles/r", {"allowed_entity_aliases": "*", "allowed_policies": "default"})
    tokens = []
    for number, entity in enumerate(entities):
        await make(api, "entity-alias", name=f"a{number}", mount_accessor=accessor, canonical_id=entity)
        made = await api("POST", "auth/token/create/r", {"entity_alias": f"a{number}"})
        tokens.append(made.json["auth"]["client_token"])
    return tokens


async def _apply(
    api: InProcess, model: Model, groups: dict[int, str], entities: list[str], step: Step
) -> None:
    kind, group, wanted = step
    path = f"identity/group/id/{groups[group]}"
    if kind == "delete":
        assert (await api("DELETE", path)).status == 204
        del groups[group], model.members[group], model.children[group], model.policies[group]
        model.children = {one: children - {group} for one, children in model.children.items()}
        return
    if kind == "members":
        body = {"member_entity_ids": [entities[n] for n in wanted]}
    elif kind == "children":
        body = {"member_group_ids": [groups[n] for n in wanted]}
    else:
        body = {"policies": [f"p{n}" for n in wanted]}
    answer = await api("POST", path, body)
    if kind == "children" and not model.allows(group, wanted):
        assert answer.status == 400
        return
    assert answer.status == 204
    {"members": model.members, "children": model.children, "policies": model.policies}[kind][group] = wanted


def test_two_links_that_would_close_a_cycle_cannot_both_be_made() -> None:
    async def scenario(api: InProcess) -> None:
        for n in range(10):
            a, b = await make(api, "group", name=f"a{n}"), await make(api, "group", name=f"b{n}")
            answers = await asyncio.gather(
                api("POST", f"identity/group/id/{a}", {"member_group_ids": b}),
                api("POST", f"identity/group/id/{b}", {"member_group_ids": a}),
            )
            assert sorted(answer.status for answer in answers) == [204, 400]

    inprocess(scenario)
