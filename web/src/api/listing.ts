/** Which images of a project are listed, and in which order: as the server is asked, and as it stands in addresses. */
import type { paths } from "./schema.d.ts";

type Query = NonNullable<paths["/api/v1/images/{image_id}"]["get"]["parameters"]["query"]>;
type Said = { readonly [Name in keyof Query]-?: NonNullable<Query[Name]> };
export type Listing = Omit<Said, "category" | "author"> & {
  /** Only images with objects of it or, with `exhaustive`, those of which that much is known of it; null: all. */
  readonly category: number | null;
  /** Only images that the person of this number submitted last; null: anybody's. */
  readonly author: number | null;
};

export const EVERYTHING: Listing = {
  state: "all",
  also: "any",
  search: "",
  folder: "",
  category: null,
  exhaustive: "any",
  author: null,
  tag: "",
  order: "added",
  descending: false,
};

/** All that there are: one that is left out here does not compile. */
const TRAITS = {
  annotated: true,
  unannotated: true,
  in_work: true,
  assigned_to_me: true,
  returned_to_me: true,
  commented: true,
  gold: true,
} satisfies Record<Exclude<Listing["also"], "any">, true>;
const STATES: readonly string[] = Object.keys({
  all: true,
  waiting: true,
  submitted: true,
  approved: true,
  returned: true,
  skipped: true,
  ...TRAITS,
} satisfies Record<Listing["state"], true>);
const ALSO: readonly string[] = Object.keys({ any: true, ...TRAITS } satisfies Record<Listing["also"], true>);
const ORDERS: readonly string[] = Object.keys({
  added: true,
  name: true,
  state: true,
  objects: true,
  informative: true,
  random: true,
} satisfies Record<Listing["order"], true>);
const EXHAUSTIVE: readonly string[] = Object.keys({
  any: true,
  yes: true,
  no: true,
  unknown: true,
} satisfies Record<Listing["exhaustive"], true>);
const LONGEST = { search: 255, folder: 1024, tag: 64 } as const; // characters, as the server takes them

/** What an address says after its question mark; what it says otherwise than this page would is left out. */
export function listingOf(address: string): Listing {
  const said = new URLSearchParams(address);
  const one = <T extends string>(name: string, known: readonly string[], usual: T): T => {
    const value = said.get(name);
    return value !== null && known.includes(value) ? (value as T) : usual;
  };
  const text = (name: keyof typeof LONGEST) => (said.get(name) ?? "").slice(0, LONGEST[name]);
  const row = (name: "category" | "author") => {
    const value = Number(said.get(name) ?? "");
    return Number.isSafeInteger(value) && value > 0 ? value : null;
  };
  const category = row("category");
  return {
    ...apart(one("state", STATES, EVERYTHING.state), one("also", ALSO, EVERYTHING.also)),
    search: text("search"),
    folder: text("folder"),
    category,
    exhaustive: category === null ? "any" : one("exhaustive", EXHAUSTIVE, EVERYTHING.exhaustive),
    author: row("author"),
    tag: text("tag"),
    order: one("order", ORDERS, EVERYTHING.order),
    descending: said.get("descending") === "true",
  };
}

/** States and what else is asked of an image are told apart, also where an address says `state=annotated`. */
function apart(state: Listing["state"], also: Listing["also"]): Pick<Listing, "state" | "also"> {
  return state in TRAITS && also === "any"
    ? { state: "all", also: state as keyof typeof TRAITS }
    : { state, also };
}

/** Only what differs from {@link EVERYTHING}. */
export function queryOf(listing: Listing): Partial<Said> {
  const names = Object.keys(EVERYTHING) as (keyof Listing)[];
  return Object.fromEntries(
    names.filter((name) => listing[name] !== EVERYTHING[name]).map((name) => [name, listing[name]]),
  );
}

/** What the server is asked to choose among; null: all images, in the project's own order. */
export function amongOf(listing: Listing): Listing | null {
  return Object.keys(queryOf(listing)).length > 0 ? listing : null;
}

/** What follows the path in an address: nothing, or a question mark and what differs from {@link EVERYTHING}. */
export function addressOf(listing: Listing): string {
  const said = new URLSearchParams(
    Object.entries(queryOf(listing)).map(([name, value]) => [name, String(value)]),
  ).toString();
  return said && `?${said}`;
}
