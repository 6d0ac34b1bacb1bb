"""Two agencies on a whole running platform: the victim with a row of all that has a name."""

import datetime as dt
import re
import secrets
import uuid
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from api.commands.tenants import create_client, create_tenant
from domain.ids import public_id
from domain.privacy.consent import ConsentState
from domain.privacy.purposes import Purpose
from domain.privacy.recipients import RecipientKind
from domain.privacy.rights import (
    IdentityLevel,
    IntakeChannel,
    ProcessingRole,
    RequestState,
    Right,
)
from tenancy.session import TenantSession
from tenancy.tables import (
    AlertChannel,
    AlertSeverity,
    AppKind,
    Certificate,
    ChannelKind,
    ConsentEvent,
    EndpointState,
    Incident,
    LegalHold,
    LetterKind,
    NoticeState,
    OAuthClient,
    PersonExport,
    PlannedEvent,
    QuarantinedRow,
    Recipient,
    RecipientNotice,
    RequestLetter,
    SubjectRequest,
    SyncRun,
    User,
    WebhookEndpoint,
)
from tenancy.unscoped import TenantProfile
from tests.api.graphql.edge import Agency, Edge, FakeClock, make_agency, open_edge
from tests.api.graphql.model_rows import anomaly_row
from tests.e2e.platform import Platform
from tests.feature_repo.registration.samples import registered_row
from tests.isolation.entries import ROOT
from tests.isolation.loot import Loot

__all__ = ["Standing", "stand"]


@dataclass(frozen=True, slots=True)
class Standing:
    """The agencies, and what is stolen.

    Attributes:
        victim: Northwind, clients acme and bolt.
        attacker: Southwind, client gamma.
        run_id: The victim's only run.
    """

    victim: Agency
    attacker: TenantProfile
    run_id: uuid.UUID
    loot: dict[str, Loot]


async def stand(platform: Platform, folder: Path) -> Standing:
    """Make both, and files that an operator may name."""
    runtime = platform.runtime
    clock = FakeClock(platform.clock.now)
    edge = open_edge(runtime.database, runtime.warehouse, runtime.redis, runtime.issuer, clock)
    victim = await make_agency(edge, "northwind", ("acme", "bolt"))
    attacker = await create_tenant(
        runtime, slug="southwind", name="Southwind", currency="EUR", time_zone="Europe/Berlin"
    )
    await create_client(runtime, attacker, slug="gamma", name="Gamma", actor="test")
    async with runtime.database.session(victim.tenant_id) as session:
        run_id = (await session.scalars(select(SyncRun.id))).one()
    return Standing(victim, attacker, run_id, await _take_loot(edge, victim, folder))


async def _take_loot(edge: Edge, victim: Agency, folder: Path) -> dict[str, Loot]:
    client_id = f"app_{secrets.token_hex(16)}"
    channel, endpoint, plan, anomaly = edge.ids(), edge.ids(), edge.ids(), edge.ids()
    async with edge.database.session(victim.tenant_id) as session:
        session.add(
            OAuthClient(
                id=edge.ids(),
                client_id=client_id,
                kind=AppKind.PUBLIC,
                name=f"{victim.canary} app",
                grants=["authorization_code"],
                scopes=["metrics:read"],
                client_ids=None,
                metrics=None,
                redirect_uris=[],
                origins=[],
                calls_per_minute=None,
                created_at=edge.clock(),
            )
        )
        session.add(
            User(
                id=edge.ids(),
                email=f"{victim.canary}@northwind.example",
                name=victim.canary,
                created_at=edge.clock(),
                deactivated_at=None,
            )
        )
        session.add(
            AlertChannel(
                id=channel,
                kind=ChannelKind.WEBHOOK,
                name=f"{victim.canary}-channel",
                settings={},
                secrets=b"sealed",
                alert_kinds=None,
                lowest_severity=AlertSeverity.WARNING,
                client_ids=None,
                created_at=edge.clock(),
            )
        )
        session.add(
            WebhookEndpoint(
                id=endpoint,
                url=f"https://hooks.example/{victim.canary}",
                description=f"{victim.canary} hooks",
                event_types=None,
                client_ids=None,
                secrets=b"sealed",
                state=EndpointState.ACTIVE,
                created_at=edge.clock(),
            )
        )
        session.add(
            PlannedEvent(
                id=plan,
                client_id=victim.clients["acme"],
                name=f"{victim.canary} sale",
                day_from=edge.clock().date(),
                day_to=edge.clock().date(),
                planned_at=edge.clock(),
            )
        )
        session.add(anomaly_row(victim.clients["acme"], anomaly, victim.canary, edge.clock()))
        session.add(registered_row("secret_northwind", victim.canary, edge.clock()))
        certified = await _certify(session, edge, victim)
        letter, hold = await _write_and_hold(session, edge, victim, certified)
        notice = await _notify(session, edge, victim, certified)
        receipt = await _consent(session, edge, victim)
        incident = (await session.scalars(select(Incident.id))).one()
        row = (await session.scalars(select(QuarantinedRow.id))).one()
    nobody = uuid.UUID(int=1 << 100)
    loot = {
        "app": Loot(client_id, f"app_{secrets.token_hex(16)}"),
        "certified": Loot(public_id("req", certified), public_id("req", nobody)),
        "channel": Loot(f"{victim.canary}-channel", f"{secrets.token_hex(12)}-channel"),
        "client": Loot("acme", "emca"),
        "email": Loot(
            f"{victim.canary}@northwind.example", f"{secrets.token_hex(7)}@northwind.example"
        ),
        "endpoint": Loot(public_id("whk", endpoint), public_id("whk", nobody)),
        "feature_view": Loot("secret_northwind_v1", "secret_nobody____v1"),
        "exported": Loot(public_id("req", certified), public_id("req", nobody)),
        "hold": Loot(public_id("hold", hold), public_id("hold", nobody)),
        "letter": Loot(public_id("let", letter), public_id("let", nobody)),
        "notice": Loot(public_id("not", notice), public_id("not", nobody)),
        "anomaly": Loot(public_id("ano", anomaly), public_id("ano", nobody)),
        "plan": Loot(public_id("evt", plan), public_id("evt", nobody)),
        "receipt": Loot(public_id("rcp", receipt), public_id("rcp", nobody)),
        "recipient": Loot(f"{victim.canary} crm", f"{secrets.token_hex(12)} crm"),
        "incident": Loot(public_id("inc", incident), public_id("inc", nobody)),
        "quarantined": Loot(public_id("qua", row), public_id("qua", nobody)),
        "message": Loot(public_id("msg", victim.sync_id), public_id("msg", nobody)),
        "metric": Loot("secret_northwind", "secret_nobody___"),
        "campaign": Loot(f"{victim.connection('acme')}:c1", f"{public_id('con', nobody)}:c1"),
        "actor": Loot("job:northwind", "job:nobody___"),
        "slug": Loot("bolt", "tlob"),
    }
    return loot | {name: _files(folder, name, loot) for name in ("map", "history_map")}


async def _consent(session: TenantSession, edge: Edge, victim: Agency) -> uuid.UUID:
    """What somebody agreed to."""
    event = ConsentEvent(
        id=edge.ids(),
        client_id=victim.clients["acme"],
        pseudonym=f"sp_{victim.canary}",
        purpose=Purpose.ANALYTICS,
        source="gpc",
        state=ConsentState.GRANTED,
        effective_at=edge.clock(),
        recorded_at=edge.clock(),
        notice_version="",
        signal=victim.canary,
        receipt_id=edge.ids(),
    )
    session.add(event)
    return event.receipt_id


async def _notify(
    session: TenantSession, edge: Edge, victim: Agency, request_id: uuid.UUID
) -> uuid.UUID:
    """A recipient that refused to do what a request asks for."""
    recipient = Recipient(
        id=edge.ids(),
        client_id=victim.clients["acme"],
        kind=RecipientKind.HUBSPOT,
        name=f"{victim.canary} crm",
        settings={},
        secrets=b"sealed",
        created_at=edge.clock(),
    )
    session.add(recipient)
    await session.flush()
    notice = RecipientNotice(
        id=edge.ids(),
        recipient_id=recipient.id,
        request_id=request_id,
        right=Right.ERASURE,
        state=NoticeState.REFUSED,
        attempts=1,
        next_attempt_at=edge.clock(),
        failure=f"{victim.canary} refuses",
        created_at=edge.clock(),
    )
    session.add(notice)
    await session.flush()
    return notice.id


async def _certify(session: TenantSession, edge: Edge, victim: Agency) -> uuid.UUID:
    """A request that has a certificate, and an export."""
    request = SubjectRequest(
        id=edge.ids(),
        client_id=victim.clients["acme"],
        right=Right.ERASURE,
        channel=IntakeChannel.DESK,
        role=ProcessingRole.PROCESSOR,
        state=RequestState.WAITING,
        identity=IdentityLevel.VOUCHED,
        fingerprint=victim.canary.encode(),
        pseudonyms=[],
        scope={},
        policy="1",
        received_at=edge.clock(),
        due_at=edge.clock(),
        requested_by="user:ann",
    )
    session.add(request)
    await session.flush()
    session.add(
        Certificate(
            id=edge.ids(),
            request_id=request.id,
            number=1,
            revision=1,
            digest=victim.canary.encode(),
            kid=victim.canary,
            signed=victim.canary,
            issued_at=edge.clock(),
        )
    )
    session.add(
        PersonExport(
            request_id=request.id,
            parts=1,
            size_bytes=1,
            sealed_key=b"sealed",
            made_at=edge.clock(),
            expires_at=edge.clock() + dt.timedelta(days=1),
        )
    )
    return request.id


async def _write_and_hold(
    session: TenantSession, edge: Edge, victim: Agency, request_id: uuid.UUID
) -> tuple[uuid.UUID, uuid.UUID]:
    """A letter about the request, and a legal hold."""
    letter, hold = edge.ids(), edge.ids()
    session.add(
        RequestLetter(
            id=letter,
            request_id=request_id,
            kind=LetterKind.ACKNOWLEDGEMENT,
            language="en",
            sealed=victim.canary.encode(),
            written_at=edge.clock(),
            sent_at=None,
            handed_at=None,
        )
    )
    session.add(
        LegalHold(
            id=hold,
            client_id=victim.clients["acme"],
            subject_id=None,
            category=None,
            basis=victim.canary,
            owner=victim.canary,
            created_by=victim.canary,
            created_at=edge.clock(),
            expires_at=None,
            released_at=None,
        )
    )
    await session.flush()
    return letter, hold


def _files(folder: Path, name: str, loot: dict[str, Loot]) -> Loot:
    """A map that names the victim's client, and one that names nobody's."""
    guide = re.search(r"```yaml\n(.*?)```", (ROOT / "docs/switching.md").read_text(), re.DOTALL)
    assert guide
    found = []
    for which in ("value", "void"):
        text = guide[1].replace("acme-shoes", getattr(loot["client"], which))
        if name == "map":
            text = _MAP
        path = folder / f"{name}_{which}.yaml"
        path.write_text(text)
        found.append(str(path))
    return Loot(*found)


_MAP = """
map: agency_sheet
file: {format: csv}
feeds:
  - fact: ads_daily
    key: [day]
    columns:
      reporting_date: day
      channel: {from: channel, enum: {Search: paid_search}}
      spend: cost
"""
