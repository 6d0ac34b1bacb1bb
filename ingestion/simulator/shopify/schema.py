"""The part of the GraphQL Admin schema that is simulated.

Source: shopify.dev/docs/api/admin-graphql, version 2026-10 (read 2026-11): types, nullability,
arguments and enum constants of the fields below.
"""

from typing import Final

from graphql import GraphQLSchema, build_schema

__all__ = ["MAX_PAGE", "SCHEMA"]

# shopify.dev/docs/api/usage/pagination-graphql: at most 250 objects a page.
MAX_PAGE: Final = 250

_SDL: Final = """
schema { query: QueryRoot }

scalar DateTime
scalar Decimal
scalar UnsignedInt64
scalar URL

enum CurrencyCode { CAD CHF EUR GBP JPY SEK USD }
enum CountryCode { AT CA CH DE FR GB IT JP NL SE US }
enum OrderCancelReason { CUSTOMER DECLINED FRAUD INVENTORY OTHER STAFF }
enum OrderDisplayFinancialStatus {
  AUTHORIZED EXPIRED PAID PARTIALLY_PAID PARTIALLY_REFUNDED PENDING REFUNDED VOIDED
}
enum OrderDisplayFulfillmentStatus {
  FULFILLED IN_PROGRESS ON_HOLD OPEN PARTIALLY_FULFILLED PENDING_FULFILLMENT RESTOCKED SCHEDULED
  UNFULFILLED
}
enum OrderSortKeys { CREATED_AT ID PROCESSED_AT TOTAL_PRICE UPDATED_AT }
enum CustomerSortKeys { CREATED_AT ID UPDATED_AT }

type MoneyV2 { amount: Decimal! currencyCode: CurrencyCode! }
type MoneyBag { shopMoney: MoneyV2! presentmentMoney: MoneyV2! }
type PageInfo {
  hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String endCursor: String
}
type MailingAddress {
  city: String country: String countryCodeV2: CountryCode firstName: String lastName: String
  zip: String
}
type UTMParameters {
  campaign: String content: String medium: String source: String term: String
}
type CustomerVisit {
  landingPage: URL occurredAt: DateTime! referrerUrl: URL source: String!
  utmParameters: UTMParameters
}
type CustomerJourneySummary {
  customerOrderIndex: Int daysToConversion: Int firstVisit: CustomerVisit lastVisit: CustomerVisit
  ready: Boolean!
}
type Product { id: ID! legacyResourceId: UnsignedInt64! title: String! }
type ProductVariant { id: ID! legacyResourceId: UnsignedInt64! sku: String title: String! }
type DiscountAllocation { allocatedAmountSet: MoneyBag! }
type LineItem {
  discountAllocations: [DiscountAllocation!]!
  discountedTotalSet(withCodeDiscounts: Boolean = false): MoneyBag! id: ID! isGiftCard: Boolean!
  name: String! originalTotalSet: MoneyBag! originalUnitPriceSet: MoneyBag! product: Product
  quantity: Int! sku: String title: String! variant: ProductVariant variantTitle: String
}
type LineItemEdge { cursor: String! node: LineItem! }
type LineItemConnection { edges: [LineItemEdge!]! nodes: [LineItem!]! pageInfo: PageInfo! }
type Refund {
  createdAt: DateTime id: ID! legacyResourceId: UnsignedInt64! note: String
  totalRefundedSet: MoneyBag! updatedAt: DateTime!
}
type CustomerEmailAddress { emailAddress: String! }
type CustomerPhoneNumber { phoneNumber: String! }
type Customer {
  amountSpent: MoneyV2! createdAt: DateTime! defaultAddress: MailingAddress
  defaultEmailAddress: CustomerEmailAddress defaultPhoneNumber: CustomerPhoneNumber
  displayName: String! email: String firstName: String id: ID! lastName: String
  legacyResourceId: UnsignedInt64! numberOfOrders: UnsignedInt64! phone: String
  updatedAt: DateTime!
}
type Order {
  billingAddress: MailingAddress cancelReason: OrderCancelReason cancelledAt: DateTime
  closedAt: DateTime confirmed: Boolean! createdAt: DateTime! currencyCode: CurrencyCode!
  currentTotalPriceSet: MoneyBag! customer: Customer
  customerJourneySummary: CustomerJourneySummary discountCodes: [String!]!
  displayFinancialStatus: OrderDisplayFinancialStatus
  displayFulfillmentStatus: OrderDisplayFulfillmentStatus! edited: Boolean! email: String
  id: ID! legacyResourceId: UnsignedInt64!
  lineItems(after: String first: Int reverse: Boolean = false): LineItemConnection! name: String!
  presentmentCurrencyCode: CurrencyCode! processedAt: DateTime! refunds(first: Int): [Refund!]!
  shippingAddress: MailingAddress sourceName: String subtotalLineItemsQuantity: Int!
  subtotalPriceSet: MoneyBag tags: [String!]! taxesIncluded: Boolean! test: Boolean!
  totalDiscountsSet: MoneyBag totalPriceSet: MoneyBag! totalRefundedSet: MoneyBag!
  totalShippingPriceSet: MoneyBag! totalTaxSet: MoneyBag updatedAt: DateTime!
}
type OrderEdge { cursor: String! node: Order! }
type OrderConnection { edges: [OrderEdge!]! nodes: [Order!]! pageInfo: PageInfo! }
type CustomerEdge { cursor: String! node: Customer! }
type CustomerConnection { edges: [CustomerEdge!]! nodes: [Customer!]! pageInfo: PageInfo! }
type Shop {
  currencyCode: CurrencyCode! email: String! ianaTimezone: String! id: ID!
  myshopifyDomain: String! name: String! taxesIncluded: Boolean!
}
type QueryRoot {
  customers(
    after: String first: Int query: String reverse: Boolean = false
    sortKey: CustomerSortKeys = ID
  ): CustomerConnection!
  orders(
    after: String first: Int query: String reverse: Boolean = false
    sortKey: OrderSortKeys = PROCESSED_AT
  ): OrderConnection!
  shop: Shop!
}
"""

SCHEMA: Final[GraphQLSchema] = build_schema(_SDL)
