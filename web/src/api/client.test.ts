import { expect, it } from "vitest";
import { annotationCalls } from "./annotations.ts";
import { assignmentCalls } from "./assignments.ts";
import { apiOf } from "./calls.ts";
import { createClient } from "./client.ts";
import { commentCalls } from "./comments.ts";
import { Http } from "./http.ts";
import { imageCalls } from "./images.ts";
import { jobCalls } from "./jobs.ts";
import { modelCalls } from "./models.ts";
import { projectCalls } from "./projects.ts";
import { sessionCalls } from "./session.ts";
import { suggestionCalls } from "./suggestions.ts";

const http = () =>
  new Http({
    fetch: async () => Response.json({ projects: [] }),
    signInAgain: () => Promise.reject(new Error("nobody is there to sign in")),
    renewCsrfToken: async () => "",
  });

it("has every call of every subject: no two subjects give the same name to one of theirs", () => {
  const server = http();
  const apis = { api: apiOf(server.fetch), apiOnce: apiOf(server.fetchOnce) };
  const subjects = [
    sessionCalls,
    projectCalls,
    imageCalls,
    annotationCalls,
    assignmentCalls,
    commentCalls,
    suggestionCalls,
    modelCalls,
    jobCalls,
  ];
  const names = subjects.flatMap((calls) => Object.keys(calls(apis)));
  expect(new Set(names).size).toBe(names.length);
  expect(Object.keys(createClient(server)).toSorted()).toEqual([...names, "csrfToken"].toSorted());
});

it("gives the token that is in use when it is asked for, not that of its making", () => {
  const server = http();
  const client = createClient(server);
  server.csrfToken = "later";
  expect(client.csrfToken).toBe("later");
});

it("asks the server that it is given", async () => {
  expect(await createClient(http(), "http://limner.test").projects()).toEqual([]);
});
