/** The operations endpoint as the API describes it, in memory, behind `fetch`, with a network that can be broken. */
import { createClient } from "../api/client.ts";
import { Http } from "../api/http.ts";
import type { Annotation, ImageAnnotations, ImageState, MarkOperation, Operation } from "../api/types.ts";
import { applyOperation, type Belief, contentOf } from "./operations.ts";

/** `confused`: every revision is called stale, also the current one. `forbidden`: one's role is gone; `gone`: the image is. */
type Weather = "fine" | "offline" | "lose_answer" | "signed_out" | "busy" | "confused" | "forbidden" | "gone";

export class FakeServer {
  weather: Weather = "fine";
  revision = 0;
  /** operation ids that were stored, in order */
  readonly log: string[] = [];
  /** What was said about the image, in order */
  readonly marks: ImageState[] = [];
  readonly verdicts = new Map<string, boolean>();
  /** Of categories; null where it was reopened. */
  readonly said = new Map<number, boolean | null>();
  requests = 0;
  /** Runs after each operation that came over the network, before its answer. */
  afterStore: () => void = () => {};
  private readonly rows = new Map<string, Belief>();
  private readonly answers = new Map<string, { body: string; answer: object }>();

  constructor(readonly imageId = 7) {}

  readonly client = createClient(
    new Http({
      fetch: (request) => this.respond(request),
      signInAgain: () => Promise.reject(new Error("nobody is there to sign in")),
      renewCsrfToken: async () => "",
    }),
    "http://limner.test",
  );

  current(): ImageAnnotations {
    const annotations = [...this.rows].flatMap(([uid, row]) =>
      row.deleted ? [] : [this.annotation(uid, row)],
    );
    annotations.sort((a, b) => a.position - b.position || a.id - b.id);
    const mark = { state: this.marks.at(-1) ?? "waiting", note: "", by: null, at: null } as const;
    const exhaustivity = [...this.said].map(([category_id, exhaustive]) => ({
      category_id,
      exhaustive,
      by: null,
      at: "",
      reopened_by: null,
      reopened_at: null,
    }));
    return { image_id: this.imageId, revision: this.revision, mark, annotations, exhaustivity };
  }

  /** Somebody else's operation, based on the current revision. */
  store(operation: Operation | MarkOperation): void {
    if (operation.kind === "mark") this.marks.push(operation.state);
    else if (operation.kind === "verdict") this.verdicts.set(operation.uid, operation.refused);
    else if (operation.kind === "exhaustivity") this.said.set(operation.category_id, operation.exhaustive);
    else this.rows.set(operation.uid, applyOperation(this.rows.get(operation.uid), operation));
    this.revision += 1;
  }

  private annotation(uid: string, row: Belief): Annotation {
    const id = [...this.rows.keys()].indexOf(uid) + 1;
    const bbox: Annotation["bbox"] = [0, 0, 0, 0];
    const content = contentOf(row.content);
    // A server may write run lengths its own way; here it drops blanks.
    const segmentation = { ...content.segmentation, counts: content.segmentation.counts.trim() };
    const derived = { area: 0, bbox, position: content.position ?? id, created: "", updated: "" };
    return { id, uid, ...content, segmentation, ...derived };
  }

  private async respond(request: Request): Promise<Response> {
    this.requests += 1;
    if (this.weather === "offline") throw new TypeError("Failed to fetch");
    if (this.weather === "signed_out") return problem(401, "not_signed_in");
    if (this.weather === "busy") return problem(503, "unavailable");
    if (this.weather === "forbidden" && request.method !== "GET") return problem(403, "forbidden");
    if (this.weather === "gone") return problem(404, "not_found");
    if (request.method === "GET") return Response.json(this.current());
    if (this.weather === "confused") return problem(412, "stale_revision", { current: this.current() });
    const response = this.operate(await request.text(), request.headers.get("If-Match"));
    if (this.weather === "lose_answer") throw new TypeError("connection reset");
    return response;
  }

  private operate(body: string, ifMatch: string | null): Response {
    const { operation_id: id, operation } = JSON.parse(body) as {
      operation_id: string;
      operation: Operation | MarkOperation;
    };
    const replay = this.answers.get(id);
    if (replay)
      return replay.body === body ? Response.json(replay.answer) : problem(422, "operation_id_reused");
    if (ifMatch === null) return problem(428, "revision_required");
    if (ifMatch !== `"${this.revision}"`) return problem(412, "stale_revision", { current: this.current() });
    if (categoryOf(operation) === 404) return problem(422, "unknown_category");
    if (operation.kind === "mark" && operation.note === "refuse me") return problem(422, "invalid_input");
    const fresh = ["create", "mark", "verdict", "exhaustivity"].includes(operation.kind);
    if (!fresh && !this.rows.has(operation.uid)) return problem(404, "not_found");
    this.store(operation);
    this.log.push(id);
    const row = this.rows.get(operation.uid);
    const answer = {
      revision: this.revision,
      annotation: row && !row.deleted ? this.annotation(operation.uid, row) : null,
    };
    this.answers.set(id, { body, answer });
    this.afterStore();
    return Response.json(answer);
  }
}

function categoryOf(operation: Operation | MarkOperation): number | null | undefined {
  if (operation.kind === "create" || operation.kind === "exhaustivity") return operation.category_id;
  return operation.kind === "update" ? operation.changes.category_id : null;
}

function problem(status: number, code: string, details: object = {}): Response {
  return Response.json({ error: { code, message: code, hint: "", details } }, { status });
}
