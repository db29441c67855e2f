import { describe, expect, it } from "vitest";
import { auditTable } from "../api/audit.ts";
import type { AuditEntry } from "../api/types.ts";
import { ALL_ENTRIES, addressOf, choiceOf, detailsOf, queryOf } from "./audit.ts";

const choice = { person: 3, action: "image.return", from: "2026-11-28", to: "2026-12-31" } as const;

describe("what is chosen of the audit log", () => {
  it("stands in the address, and only where it differs from all", () => {
    expect(addressOf(ALL_ENTRIES)).toBe("");
    expect(addressOf(choice)).toBe("?person=3&action=image.return&from=2026-11-28&to=2026-12-31");
    expect(choiceOf(new URLSearchParams(addressOf(choice)))).toEqual(choice);
  });

  it.each(["person=0&action=party&from=yesterday&to=2026-13-01", "person=1e3&action=toString", ""])(
    "is all for an address that says nothing that is known: %s",
    (said) => {
      expect(choiceOf(new URLSearchParams(said))).toEqual(ALL_ENTRIES);
    },
  );

  it("is asked for from the beginning of the first day to the end of the last one, in UTC", () => {
    expect(queryOf(choice)).toEqual({
      person: 3,
      action: "image.return",
      since: "2026-11-28T00:00:00Z",
      until: "2027-01-01T00:00:00Z",
    });
    expect(queryOf(ALL_ENTRIES)).toEqual({});
  });

  it("is a table, too", () => {
    expect(auditTable(null, {})).toBe("/api/v1/audit.csv");
    expect(auditTable(7, queryOf({ ...ALL_ENTRIES, person: 3 }))).toBe(
      "/api/v1/projects/7/audit.csv?person=3",
    );
  });
});

it("says what something was done to, and how", () => {
  const entry = {
    target: "image",
    target_id: 7,
    target_name: null,
    details: { to: "anyone", images: [1, 2] },
  };
  expect(detailsOf(entry as unknown as AuditEntry)).toBe("image 7, to: anyone, images: [1,2]");
  const member = { target: "person", target_id: 4, target_name: "Ada", details: { role: "viewer" } };
  expect(detailsOf(member as unknown as AuditEntry)).toBe("person Ada, role: viewer");
});
