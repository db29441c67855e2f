import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  auditPath,
  agreementPath,
  imagePath,
  learningPath,
  projectPath,
  routeOf,
  settlePath,
  statisticsPath,
  trashPath,
  webhooksPath,
} from "./paths.ts";

describe("routeOf", () => {
  it.each([
    ["/", { page: "projects" }],
    ["/login", { page: "login" }],
    ["/models", { page: "models" }],
    ["/login/company", { page: "provider", provider: "company" }],
    ["/projects/12", { page: "gallery", projectId: 12 }],
    ["/projects/12/", { page: "gallery", projectId: 12 }],
    ["/projects/12/statistics", { page: "statistics", projectId: 12 }],
    ["/projects/12/images/7", { page: "annotate", projectId: 12, imageId: 7 }],
    ["/projects/twelve", { page: "unknown", path: "/projects/twelve" }],
    ["/api/v1/projects", { page: "unknown", path: "/api/v1/projects" }],
  ])("reads %s", (path, route) => {
    expect(routeOf(path)).toEqual(route);
  });

  it.each([
    ["/limner", { page: "projects" }],
    ["/limner/", { page: "projects" }],
    ["/limner/projects/12/images/7", { page: "annotate", projectId: 12, imageId: 7 }],
    ["/projects/12", { page: "unknown", path: "/projects/12" }],
    ["/limners/projects/12", { page: "unknown", path: "/limners/projects/12" }],
  ])("reads %s below a root", (path, route) => {
    expect(routeOf(path, "/limner")).toEqual(route);
  });

  it("is the inverse of the path builders", () => {
    expect(routeOf(projectPath(3))).toEqual({ page: "gallery", projectId: 3 });
    expect(routeOf(statisticsPath(3))).toEqual({ page: "statistics", projectId: 3 });
    expect(routeOf(learningPath(3))).toEqual({ page: "learning", projectId: 3 });
    expect(routeOf(auditPath(3))).toEqual({ page: "audit", projectId: 3 });
    expect(routeOf(auditPath(null))).toEqual({ page: "audit", projectId: null });
    expect(routeOf(agreementPath(3))).toEqual({ page: "agreement", projectId: 3 });
    expect(routeOf(settlePath(3, 4))).toEqual({ page: "settle", projectId: 3, imageId: 4 });
    expect(routeOf(webhooksPath(3))).toEqual({ page: "webhooks", projectId: 3 });
    expect(routeOf(trashPath(3))).toEqual({ page: "trash", projectId: 3 });
    expect(routeOf(imagePath(3, 4))).toEqual({ page: "annotate", projectId: 3, imageId: 4 });
  });
});

it("no component names an address without the root under which a proxy may show us", () => {
  const folder = new URL("../ui/", import.meta.url);
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".svelte"),
  );
  expect(files.length).toBeGreaterThan(20);
  const bare = files.filter((name) => /href="\/|\bgo\("\//.test(readFileSync(new URL(name, folder), "utf8")));
  expect(bare).toEqual([]);
});
