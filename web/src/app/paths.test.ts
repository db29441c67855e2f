import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  agreementPath,
  auditPath,
  imagePath,
  learningPath,
  projectPath,
  type Route,
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

it("the server answers every page's address with the page, so that it can be opened directly", () => {
  const routes = new URL("../../../server/limner/api/blueprints/client.py", import.meta.url);
  const rules = [...readFileSync(routes, "utf8").matchAll(/^@blueprint\.get\("([^"]+)"\)$/gm)].map(
    (found) => found[1]!,
  );
  const opened = rules.map((rule) =>
    routeOf(rule.replace(/<int:\w+>/g, "7").replace("<provider>", "company"), ""),
  );
  const pages: Record<Exclude<Route["page"], "unknown">, true> = {
    login: true,
    provider: true,
    invitation: true,
    account: true,
    people: true,
    models: true,
    projects: true,
    audit: true,
    gallery: true,
    statistics: true,
    learning: true,
    verification: true,
    agreement: true,
    settle: true,
    webhooks: true,
    trash: true,
    annotate: true,
  };
  const found = new Set(opened.map((route) => route.page));
  expect([...found].filter((page) => page !== "unknown").sort()).toEqual(Object.keys(pages).sort());
});
