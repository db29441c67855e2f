import { describe, expect, it } from "vitest";
import { imagePath, projectPath, routeOf } from "./paths.ts";

describe("routeOf", () => {
  it.each([
    ["/", { page: "projects" }],
    ["/login", { page: "login" }],
    ["/projects/12", { page: "gallery", projectId: 12 }],
    ["/projects/12/", { page: "gallery", projectId: 12 }],
    ["/projects/12/images/7", { page: "annotate", projectId: 12, imageId: 7 }],
    ["/projects/twelve", { page: "unknown", path: "/projects/twelve" }],
    ["/api/v1/projects", { page: "unknown", path: "/api/v1/projects" }],
  ])("reads %s", (path, route) => {
    expect(routeOf(path)).toEqual(route);
  });

  it("is the inverse of the path builders", () => {
    expect(routeOf(projectPath(3))).toEqual({ page: "gallery", projectId: 3 });
    expect(routeOf(imagePath(3, 4))).toEqual({ page: "annotate", projectId: 3, imageId: 4 });
  });
});
