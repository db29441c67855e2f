/** The calls that several parts of the page make, by name; a file has those of one subject. */
import { annotationCalls } from "./annotations.ts";
import { assignmentCalls } from "./assignments.ts";
import { type Apis, apiOf } from "./calls.ts";
import { commentCalls } from "./comments.ts";
import type { Http } from "./http.ts";
import { imageCalls } from "./images.ts";
import { jobCalls } from "./jobs.ts";
import { modelCalls } from "./models.ts";
import { projectCalls } from "./projects.ts";
import { ROOT } from "./root.ts";
import { sessionCalls } from "./session.ts";
import { suggestionCalls } from "./suggestions.ts";

export type Client = ReturnType<typeof createClient>;

/** @param server where the server is: the page's own origin and root, except in tests */
export function createClient(http: Http, server = ROOT) {
  const apis: Apis = { api: apiOf(http.fetch, server), apiOnce: apiOf(http.fetchOnce, server) };
  return {
    /** For uploads, which do not go through `fetch`. */
    get csrfToken(): string {
      return http.csrfToken;
    },
    ...sessionCalls(apis),
    ...projectCalls(apis),
    ...imageCalls(apis),
    ...annotationCalls(apis),
    ...assignmentCalls(apis),
    ...commentCalls(apis),
    ...suggestionCalls(apis),
    ...modelCalls(apis),
    ...jobCalls(apis),
  };
}
