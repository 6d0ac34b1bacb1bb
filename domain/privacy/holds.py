"""Everything that a column can say it holds, by name.

    mapped_column, fact column, field of a source file, ... -> one of these -> inventory

They are few on purpose: each line of the record of processing and each rule of retention is one of
them. Source files write their names (`holds: shop_order`).

Decision: ADR-0024.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from domain.privacy.classification import (
    Classification,
    LegalBasis,
    NotPersonal,
    Privacy,
    Reason,
    Recipient,
    SubjectKey,
)
from domain.privacy.rights import ProcessingRole

__all__ = [
    "ACCOUNT_SETTING",
    "ADVERTISING_OBJECT",
    "AGENCY_ACCOUNT",
    "AGGREGATE_FIGURES",
    "ALERT_ADDRESSES",
    "AUDIT_ACTOR",
    "AUDIT_OBJECT",
    "CACHED_FIGURES",
    "CANONICAL_WORD",
    "CLASSIFICATIONS",
    "CONFIGURATION",
    "CONSENT_GIVER",
    "ERASURE_PROOF",
    "EXPORTED_ACTOR",
    "EXPORTED_OBJECT",
    "EXPORTED_PERSON",
    "EXPORTED_PROOF",
    "FAILURE_TRACE",
    "JOB_ACTOR",
    "LINEAGE",
    "LOG_ACTOR",
    "OWN_WORDS",
    "PERSON_IDENTIFIER",
    "PERSON_RECORD",
    "PLATFORM_WORDS",
    "PROOF",
    "PSEUDONYM",
    "QUARANTINED",
    "RECIPIENT_ADDRESS",
    "REQUEST_CLAIM",
    "REQUEST_PSEUDONYM",
    "REQUEST_RECORD",
    "SEALED_SECRET",
    "SEARCH_TERM",
    "SECURITY_TOKEN",
    "SHOP_COUNTRY",
    "SHOP_CUSTOMER",
    "SHOP_CUSTOMER_ID",
    "SHOP_ORDER",
    "SHOP_ORDER_DETAIL",
    "STAFF_ACCESS",
    "STAFF_ACCOUNT",
    "STAFF_ACTOR",
    "STAFF_APPROVAL",
    "STAFF_ASKED",
    "STAFF_BROWSER",
    "STAFF_CALLS",
    "STAFF_EMAIL",
    "STAFF_FACTOR",
    "STAFF_ID",
    "STAFF_NAME",
    "STAFF_NOTE",
    "STAFF_PASSWORD",
    "STAFF_SESSION",
    "TOMBSTONE",
    "UNREAD_FIELDS",
    "WEB_PAGE",
]

_KEPT_INSIDE: Final = (Recipient.AGENCY, Recipient.OPERATOR)
_FOR_AUTHORITIES: Final = (*_KEPT_INSIDE, Recipient.AUTHORITY)

# People who buy at a client: the client is the controller.
SHOP_CUSTOMER_ID: Final = Classification(
    name="shop_customer_id",
    category="user.unique_id",
    subjects="customer",
    use="analytics.reporting.campaign_insights",
    purpose="Measure what the client's shop sells and which marketing led to it.",
    basis=LegalBasis.INTERESTS,
    retention="shop_people",
    recipients=(Recipient.AGENCY, Recipient.CLIENT, Recipient.PROGRAMS, Recipient.OPERATOR),
    role=ProcessingRole.PROCESSOR,
    key=SubjectKey.SHOP,
)
SHOP_CUSTOMER: Final = replace(SHOP_CUSTOMER_ID, name="shop_customer", category="user.account")
SHOP_COUNTRY: Final = replace(
    SHOP_CUSTOMER_ID, name="shop_country", category="user.contact.address.country"
)
SHOP_ORDER: Final = replace(
    SHOP_CUSTOMER_ID, name="shop_order", category="user.behavior.purchase_history"
)
# What was bought, for how much, from where: of a person as long as the row names one.
SHOP_ORDER_DETAIL: Final = replace(SHOP_ORDER, name="shop_order_detail", tells_alone=False)

# What platforms sent and nobody has read: anybody may be in it.
UNREAD_FIELDS: Final = Classification(
    name="unread_fields",
    category="user",
    subjects="customer",
    use="essential.service.operations",
    purpose="Keep what a platform sends before its source file knows it.",
    basis=LegalBasis.INTERESTS,
    retention="landed",
    recipients=_KEPT_INSIDE,
    role=ProcessingRole.PROCESSOR,
    key=SubjectKey.SEARCHED,
)
QUARANTINED: Final = replace(
    UNREAD_FIELDS,
    name="quarantined",
    purpose="Mend rows that do not fit, as the platform sent them.",
    retention="quarantine",
)

# The agency's own people: the agency is the controller.
STAFF_ID: Final = Classification(
    name="staff_id",
    category="user.unique_id",
    subjects="employee",
    use="essential.service.authentication",
    purpose="Let the agency's people sign in and do what their role allows.",
    basis=LegalBasis.CONTRACT,
    retention="staff_account",
    recipients=_KEPT_INSIDE,
    role=ProcessingRole.CONTROLLER,
    key=SubjectKey.STAFF,
)
STAFF_EMAIL: Final = replace(STAFF_ID, name="staff_email", category="user.contact.email")
STAFF_NAME: Final = replace(STAFF_ID, name="staff_name", category="user.name")
STAFF_ACCOUNT: Final = replace(STAFF_ID, name="staff_account", category="user.account")
STAFF_ACCESS: Final = replace(
    STAFF_ID,
    name="staff_access",
    category="user.account.settings",
    purpose="Know which role somebody has and which programs they let in.",
)
STAFF_PASSWORD: Final = replace(
    STAFF_ID, name="staff_password", category="user.authorization.password", sealed=True
)
STAFF_FACTOR: Final = replace(
    STAFF_ID, name="staff_factor", category="user.authorization.credentials", sealed=True
)
STAFF_SESSION: Final = replace(STAFF_ACCOUNT, name="staff_session", retention="signed_in")
STAFF_BROWSER: Final = replace(
    STAFF_SESSION,
    name="staff_browser",
    category="user.device",
    use="essential.service.security",
    purpose="Let people see where they are signed in, and end what they do not know.",
)
SECURITY_TOKEN: Final = replace(
    STAFF_ID,
    name="security_token",
    category="user.authorization",
    retention="one_day_after",
    sealed=True,
)
STAFF_ACTOR: Final = replace(
    STAFF_ID,
    name="staff_actor",
    use="essential.service.security",
    purpose="Tell who did what.",
    basis=LegalBasis.INTERESTS,
    retention="staff_word",
    recipients=_FOR_AUTHORITIES,
    key=SubjectKey.ACTOR,
)
STAFF_APPROVAL: Final = replace(
    STAFF_ACTOR,
    name="staff_approval",
    purpose="Prove that a second person agreed.",
    retention="approval",
)
STAFF_CALLS: Final = replace(
    STAFF_ACTOR,
    name="staff_calls",
    category="user.unique_id.pseudonymous",
    purpose="Limit how often somebody may try.",
    retention="counted_call",
    recipients=(Recipient.OPERATOR,),
    key=SubjectKey.NOBODY,
    no_key_because="only a hash of the name or address is kept, and for minutes",
    sealed=True,
)
STAFF_ASKED: Final = replace(
    STAFF_ACTOR,
    name="staff_asked",
    purpose="Tell who sent a link that asks for a connection.",
    retention="pending_consent",
)
AUDIT_ACTOR: Final = replace(STAFF_ACTOR, name="audit_actor", retention="audit_trail")
# Ids of objects; that of a person's account may be among them.
AUDIT_OBJECT: Final = replace(AUDIT_ACTOR, name="audit_object", key=SubjectKey.SEARCHED)
JOB_ACTOR: Final = replace(STAFF_ACTOR, name="job_actor", retention="job")
LOG_ACTOR: Final = replace(
    STAFF_ACTOR, name="log_actor", retention="log", recipients=(Recipient.OPERATOR,)
)
FAILURE_TRACE: Final = replace(
    LOG_ACTOR,
    name="failure_trace",
    category="user",
    use="essential.service.operations",
    purpose="Find out why something failed.",
    key=SubjectKey.NOBODY,
    no_key_because="a failure may quote what it failed on; it is the operator's, for 30 days",
)
EXPORTED_ACTOR: Final = replace(STAFF_ACTOR, name="exported_actor", retention="export")
EXPORTED_OBJECT: Final = replace(EXPORTED_ACTOR, name="exported_object", key=SubjectKey.SEARCHED)
STAFF_NOTE: Final = replace(
    STAFF_ACTOR,
    name="staff_note",
    category="user.content.private",
    purpose="Keep the reason that somebody gave, in their words.",
    recipients=_KEPT_INSIDE,
    key=SubjectKey.SEARCHED,
)
CONSENT_GIVER: Final = replace(
    STAFF_ACTOR,
    name="consent_giver",
    purpose="Know on whose consent a connection stands, so that it ends when they take it back.",
    recipients=_KEPT_INSIDE,
    key=SubjectKey.SEARCHED,
)
ALERT_ADDRESSES: Final = replace(
    STAFF_ID,
    name="alert_addresses",
    category="user.contact.email",
    use="essential.service.notifications",
    purpose="Tell the agency of alerts where it wants to hear of them.",
    basis=LegalBasis.INTERESTS,
    retention="alert_channel",
    recipients=(*_KEPT_INSIDE, Recipient.CHANNELS),
    key=SubjectKey.SEARCHED,
)
RECIPIENT_ADDRESS: Final = replace(
    ALERT_ADDRESSES,
    name="recipient_address",
    use="essential.legal_obligation",
    purpose="Tell those who were given people's data what these people ask for.",
    basis=LegalBasis.OBLIGATION,
)

# People who use their rights, or could: kept since the law asks for it.
PERSON_RECORD: Final = Classification(
    name="person_record",
    category="user.unique_id.pseudonymous",
    subjects="customer",
    use="essential.legal_obligation",
    purpose="Find a person's data, answer their requests, and prove that.",
    basis=LegalBasis.OBLIGATION,
    retention="person",
    recipients=_KEPT_INSIDE,
    role=ProcessingRole.PROCESSOR,
    key=SubjectKey.PERSON,
)
PSEUDONYM: Final = replace(PERSON_RECORD, name="pseudonym")
PERSON_IDENTIFIER: Final = replace(
    PERSON_RECORD, name="person_identifier", category="user.contact", sealed=True
)
TOMBSTONE: Final = replace(PERSON_RECORD, name="tombstone", retention="tombstone")
REQUEST_CLAIM: Final = replace(PERSON_IDENTIFIER, name="request_claim", retention="request_claim")
REQUEST_PSEUDONYM: Final = replace(
    PERSON_RECORD, name="request_pseudonym", retention="request_record"
)
REQUEST_RECORD: Final = replace(
    REQUEST_PSEUDONYM,
    name="request_record",
    category="user.privacy_preferences",
    recipients=_FOR_AUTHORITIES,
)
# Part of a chain, like the audit trail.
ERASURE_PROOF: Final = replace(
    REQUEST_PSEUDONYM,
    name="erasure_proof",
    retention="audit_trail",
    recipients=_FOR_AUTHORITIES,
)
EXPORTED_PROOF: Final = replace(
    ERASURE_PROOF,
    name="exported_proof",
    retention="export",
    key=SubjectKey.NOBODY,
    no_key_because="a file names the person by pseudonym, and is of whoever asked for it",
)
EXPORTED_PERSON: Final = replace(
    EXPORTED_PROOF,
    name="exported_person",
    category="user",
    retention="person_export",
    no_key_because="sealed under a key of its own, which the request that it answers leads to",
    sealed=True,
)

# About nobody.
CONFIGURATION: Final = NotPersonal("configuration", Reason.CONFIGURATION)
AGENCY_ACCOUNT: Final = NotPersonal(
    "agency_account",
    Reason.CONFIGURATION,
    "accounts, shops and labels of the client as a business; a sole trader's name may be one",
)
ACCOUNT_SETTING: Final = NotPersonal(
    "account_setting", Reason.CLOSED_LIST, "currency and time zone of an account"
)
LINEAGE: Final = NotPersonal("lineage", Reason.LINEAGE)
AGGREGATE_FIGURES: Final = NotPersonal("aggregate_figures", Reason.AGGREGATE)
ADVERTISING_OBJECT: Final = NotPersonal(
    "advertising_object",
    Reason.WORDING,
    "ids and names of campaigns, ads and keywords: what the client wrote to advertise; a name in"
    " it, such as that of somebody who is paid to recommend, is there by their contract",
)
SHOP_OBJECT: Final = NotPersonal(
    "shop_object", Reason.WORDING, "ids of products: what the client sells, not who bought it"
)
CANONICAL_WORD: Final = NotPersonal("canonical_word", Reason.CLOSED_LIST)
SEARCH_TERM: Final = NotPersonal(
    "search_term",
    Reason.AGGREGATE,
    "the platform withholds terms that few people searched for, and never says who did",
)
WEB_PAGE: Final = NotPersonal(
    "web_page",
    Reason.AGGREGATE,
    "the path without what follows ?, counted over all visits of a day; a site that puts names"
    " into paths has to mend that",
)
OWN_WORDS: Final = NotPersonal(
    "own_words", Reason.WORDING, "texts of ours hold ids, figures and names of clients and sources"
)
PLATFORM_WORDS: Final = NotPersonal(
    "platform_words",
    Reason.WORDING,
    "what a platform says of a failure, its own words for things, and where its list goes on",
)
CACHED_FIGURES: Final = NotPersonal(
    "cached_figures",
    Reason.AGGREGATE,
    "answers are sums by dimensions; no dimension names a person or an order",
)
SEALED_SECRET: Final = NotPersonal("sealed_secret", Reason.SEALED)
PROOF: Final = NotPersonal("proof", Reason.LINEAGE, "hashes and signatures over ids and instants")

CLASSIFICATIONS: Final[Mapping[str, Privacy]] = {
    value.name: value
    for value in tuple(globals().values())
    if isinstance(value, Classification | NotPersonal)
}
