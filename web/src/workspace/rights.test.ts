import { describe, expect, it } from "vitest";
import type { Permission } from "../api/types.ts";
import { MAY_LOOK, NOT_THEIRS, rightsOn } from "./rights.ts";

const may = (...permissions: Permission[]) => ({ permissions });

describe("what somebody may do with an image", () => {
  it("is refused nothing that has to be known first", () => {
    expect(rightsOn(null, null)).toMatchObject({ annotates: true, readOnly: "" });
  });

  it("is what the project says until the image is there", () => {
    expect(rightsOn(null, may("project:view"))).toMatchObject({ annotates: false, readOnly: MAY_LOOK() });
    expect(rightsOn(null, may("project:view", "annotations:write")).readOnly).toBe("");
  });

  it("is what the image says from then on", () => {
    const project = may("project:view", "annotations:write", "annotations:review", "comments:write");
    expect(rightsOn(may("project:view"), project)).toEqual({
      annotates: false,
      reviews: false,
      comments: false,
      readOnly: NOT_THEIRS(),
    });
    expect(rightsOn(project, project)).toEqual({
      annotates: true,
      reviews: true,
      comments: true,
      readOnly: "",
    });
  });

  it("may be to comment and not to draw", () => {
    const role = may("project:view", "comments:write");
    expect(rightsOn(role, role)).toMatchObject({ annotates: false, comments: true, readOnly: MAY_LOOK() });
  });
});
