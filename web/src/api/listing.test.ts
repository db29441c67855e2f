import { expect, it } from "vitest";
import { addressOf, EVERYTHING, type Listing, listingOf, queryOf } from "./listing.ts";

it.each<[Partial<Listing>, string]>([
  [{}, ""],
  [{ state: "waiting" }, "?state=waiting"],
  [{ state: "submitted", also: "unannotated" }, "?state=submitted&also=unannotated"],
  [
    { search: "a b&c", folder: "cam 1/ö", tag: "night", order: "name", descending: true },
    "?search=a+b%26c&folder=cam+1%2F%C3%B6&tag=night&order=name&descending=true",
  ],
  [{ category: 7 }, "?category=7"],
  [{ state: "submitted", author: 12, order: "random" }, "?state=submitted&author=12&order=random"],
  [{ category: 7, exhaustive: "unknown" }, "?category=7&exhaustive=unknown"],
])("stands in the address as far as it is not the usual: %j", (chosen, address) => {
  const listing = { ...EVERYTHING, ...chosen };
  expect(addressOf(listing)).toBe(address);
  expect(listingOf(address)).toEqual(listing);
  expect(queryOf(listing)).toEqual(chosen);
});

it("tells states and masks apart in addresses that name masks as a state", () => {
  expect(listingOf("?state=annotated")).toEqual({ ...EVERYTHING, also: "annotated" });
  expect(listingOf("?state=gold&also=annotated")).toEqual({
    ...EVERYTHING,
    state: "gold",
    also: "annotated",
  });
});

it("leaves out what an address says that no list is called", () => {
  expect(listingOf("?state=odd&order=&descending=yes&decoder=cpu")).toEqual(EVERYTHING);
  expect(listingOf("?category=cat&exhaustive=unknown")).toEqual(EVERYTHING);
  expect(listingOf("?category=-1")).toEqual(EVERYTHING);
  expect(listingOf("?author=0")).toEqual(EVERYTHING);
  expect(listingOf("?author=ada")).toEqual(EVERYTHING);
  expect(listingOf(`?search=${"x".repeat(300)}`).search).toHaveLength(255);
});
