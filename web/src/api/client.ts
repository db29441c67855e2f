/** Every call that this page makes, by name. Each rejects with ApiError or NetworkError. */
import createClient from "openapi-fetch";
import type { Http } from "./http.ts";
import { EVERYTHING, type Listing, queryOf } from "./listing.ts";
import { ROOT } from "./root.ts";
import type { paths } from "./schema.d.ts";
import type {
  Category,
  Detector,
  EmbeddingAnswer,
  Folder,
  ImageAnnotations,
  ImageDetails,
  ImageHistory,
  ImagePage,
  ImportQuery,
  ImportSummary,
  Job,
  Manifest,
  ManyChanged,
  ManyQuestion,
  MarkOperation,
  Model,
  ModelChange,
  NewAssignment,
  NewComment,
  NextImage,
  NextOrder,
  Operation,
  OperationResult,
  Project,
  RankBy,
  ServerStatus,
  Session,
  SuggestionList,
  SuggestRequest,
  Tag,
  TextThreshold,
  Thread,
  UndoSteps,
  Workers,
} from "./types.ts";

const MOST_ASSIGNED = 10_000; // images at once

type Signal = { signal?: AbortSignal };

/**
 * The body of a success. `Http` has thrown for everything else, so that nothing is missing here. The type is named by
 * the caller because openapi-fetch widens tuples such as a bounding box to arrays.
 */
async function body<T>(answer: Promise<{ data?: unknown }>): Promise<T> {
  return (await answer).data as T;
}

export class Client {
  private readonly api;
  private readonly apiOnce;

  /** `server` is where the server is: the page's own origin and root, except in tests. */
  constructor(
    private readonly http: Http,
    server = ROOT,
  ) {
    this.api = createClient<paths>({ baseUrl: server, fetch: http.fetch });
    this.apiOnce = createClient<paths>({ baseUrl: server, fetch: http.fetchOnce });
  }

  /** For uploads, which do not go through `fetch`. */
  get csrfToken(): string {
    return this.http.csrfToken;
  }

  session = () => body<Session>(this.api.GET("/api/v1/session"));
  signIn = (by: { token: string } | { name: string; password: string }) =>
    body<Session>(this.api.POST("/api/v1/session", { body: by }));
  /** The address at which signing out goes on, at the provider with which one signed in; null: nowhere. */
  signOut = async (): Promise<string | null> =>
    (await this.api.DELETE("/api/v1/session")).data?.address ?? null;
  server = () => body<ServerStatus>(this.api.GET("/api/v1/server"));

  projects = async () => (await body<{ projects: Project[] }>(this.api.GET("/api/v1/projects"))).projects;
  project = (id: number) =>
    body<Project>(this.api.GET("/api/v1/projects/{project_id}", { params: { path: { project_id: id } } }));
  createProject = (name: string) => body<Project>(this.api.POST("/api/v1/projects", { body: { name } }));

  renameProject = (id: number, name: string) =>
    body<Project>(
      this.api.PATCH("/api/v1/projects/{project_id}", {
        params: { path: { project_id: id } },
        body: { name },
      }),
    );
  deleteProject = (id: number) =>
    this.api.DELETE("/api/v1/projects/{project_id}", { params: { path: { project_id: id } } });

  createCategory = (projectId: number, name: string) =>
    body<Category>(
      this.api.POST("/api/v1/projects/{project_id}/categories", {
        params: { path: { project_id: projectId } },
        body: { name, supercategory: "" },
      }),
    );
  changeCategory = (id: number, changes: Partial<Pick<Category, "name" | "color" | "position">>) =>
    body<Category>(
      this.api.PATCH("/api/v1/categories/{category_id}", {
        params: { path: { category_id: id } },
        body: changes,
      }),
    );
  deleteCategory = (id: number) =>
    this.api.DELETE("/api/v1/categories/{category_id}", { params: { path: { category_id: id } } });

  folders = async (projectId: number) => {
    const params = { path: { project_id: projectId } };
    const answer = this.api.GET("/api/v1/projects/{project_id}/folders", { params });
    return (await body<{ folders: Folder[] }>(answer)).folders;
  };
  /** In alphabetical order. */
  tags = async (projectId: number) => {
    const params = { path: { project_id: projectId } };
    return (await body<{ tags: Tag[] }>(this.api.GET("/api/v1/projects/{project_id}/tags", { params }))).tags;
  };
  /** A page of what is listed. @param page where it begins and how long it is; `counted`: with how many there are in all */
  images = (
    projectId: number,
    listing: Listing,
    page: { after?: string; skip?: number; limit: number; counted?: boolean },
  ) =>
    body<ImagePage>(
      this.api.GET("/api/v1/projects/{project_id}/images", {
        params: { path: { project_id: projectId }, query: { ...queryOf(listing), ...page } },
      }),
    );
  /** @param listing among which images its neighbours are */
  image = (id: number, { listing = EVERYTHING, ...init }: Signal & { listing?: Listing } = {}) =>
    body<ImageDetails>(
      this.api.GET("/api/v1/images/{image_id}", {
        params: { path: { image_id: id }, query: queryOf(listing) },
        ...init,
      }),
    );

  /** @param question `give_back`: the image that one comes from is left to others */
  takeNext = (
    projectId: number,
    question: { current: number | null; give_back: boolean; among: Listing | null },
  ) =>
    body<NextImage>(
      this.api.POST("/api/v1/projects/{project_id}/next", {
        params: { path: { project_id: projectId } },
        body: question,
      }),
    );
  /** Goes out even if the page closes. */
  giveBack = (imageId: number) =>
    this.api.DELETE("/api/v1/images/{image_id}/lease", {
      params: { path: { image_id: imageId } },
      keepalive: true,
    });
  workers = (projectId: number) =>
    body<Workers>(
      this.api.GET("/api/v1/projects/{project_id}/assignments", {
        params: { path: { project_id: projectId } },
      }),
    );
  assign = (projectId: number, assignment: NewAssignment) =>
    body<Workers>(
      this.api.PUT("/api/v1/projects/{project_id}/assignments", {
        params: { path: { project_id: projectId } },
        body: { state: "waiting", limit: MOST_ASSIGNED, ...assignment },
      }),
    );
  setNextOrder = (projectId: number, order: NextOrder) =>
    body<Project>(
      this.api.PATCH("/api/v1/projects/{project_id}", {
        params: { path: { project_id: projectId } },
        body: { next_order: order },
      }),
    );
  /** @param shared whether whoever annotates sees the figures of everybody who does */
  shareFigures = (projectId: number, shared: boolean) =>
    body<Project>(
      this.api.PATCH("/api/v1/projects/{project_id}", {
        params: { path: { project_id: projectId } },
        body: { shares_figures: shared },
      }),
    );
  /** @param share of the images that are handed out, 0 to 1 */
  setGoldShare = (projectId: number, share: number) =>
    body<Project>(
      this.api.PATCH("/api/v1/projects/{project_id}", {
        params: { path: { project_id: projectId } },
        body: { gold_share: share },
      }),
    );
  /** Make images gold, with what is on them now as the reference; or not any more. */
  setGold = (projectId: number, imageIds: readonly number[], gold: boolean) =>
    body<{ changed: number }>(
      this.api.PUT("/api/v1/projects/{project_id}/gold", {
        params: { path: { project_id: projectId } },
        body: { image_ids: [...imageIds], gold },
      }),
    );
  /** Do the same to many images. @returns how far it came: with `next`, ask again */
  changeImages = (projectId: number, question: ManyQuestion) =>
    body<ManyChanged>(
      this.api.POST("/api/v1/projects/{project_id}/images/change", {
        params: { path: { project_id: projectId } },
        body: {
          state: "all",
          also: "any",
          search: "",
          folder: "",
          tag: "",
          exhaustive: "any",
          after: 0,
          ...question,
        },
      }),
    );
  deleteImage = (id: number) =>
    this.api.DELETE("/api/v1/images/{image_id}", { params: { path: { image_id: id } } });
  /** What the person did to an image, in any browser, and can take back. */
  ownSteps = (imageId: number) =>
    body<UndoSteps>(
      this.api.GET("/api/v1/images/{image_id}/steps", { params: { path: { image_id: imageId } } }),
    );

  annotations = (imageId: number, init: Signal = {}) =>
    body<ImageAnnotations>(
      this.api.GET("/api/v1/images/{image_id}/annotations", {
        params: { path: { image_id: imageId } },
        ...init,
      }),
    );

  /** @param of `uid`: one annotation, null for all of the image; `before`: `next` of the page before */
  history = (imageId: number, { uid, before }: { uid: string | null; before: number | null }) =>
    body<ImageHistory>(
      this.api.GET("/api/v1/images/{image_id}/history", {
        params: {
          path: { image_id: imageId },
          query: { ...(uid !== null && { uid }), ...(before !== null && { before }) },
        },
      }),
    );

  comments = async (imageId: number) => {
    const params = { path: { image_id: imageId } };
    const answer = this.api.GET("/api/v1/images/{image_id}/comments", { params });
    return (await body<{ threads: Thread[] }>(answer)).threads;
  };
  /** The thread that it is in. */
  say = (imageId: number, comment: NewComment) =>
    body<Thread>(
      this.api.POST("/api/v1/images/{image_id}/comments", {
        params: { path: { image_id: imageId } },
        body: comment,
      }),
    );
  resolveThread = (id: number, resolved: boolean) =>
    body<Thread>(
      this.api.PUT("/api/v1/comments/{comment_id}/resolved", {
        params: { path: { comment_id: id } },
        body: { resolved },
      }),
    );

  suggestions = (imageId: number, init: Signal = {}) =>
    body<SuggestionList>(
      this.api.GET("/api/v1/images/{image_id}/suggestions", {
        params: { path: { image_id: imageId } },
        ...init,
      }),
    );
  requestSuggestions = (imageId: number, request: SuggestRequest) =>
    body<SuggestionList>(
      this.api.POST("/api/v1/images/{image_id}/suggestions", {
        params: { path: { image_id: imageId } },
        body: { request },
      }),
    );
  cancelSuggestions = (imageId: number) =>
    this.api.POST("/api/v1/images/{image_id}/suggestions/cancel", {
      params: { path: { image_id: imageId } },
    });

  /** The oriented image as the browser can show it. */
  async file(imageId: number, init: Signal = {}): Promise<Blob> {
    const path = "/api/v1/images/{image_id}/file";
    const params = { path: { image_id: imageId } };
    return await (await this.api.GET(path, { params, parseAs: "stream", ...init })).response.blob();
  }

  /**
   * Asking puts the image into the encoder's queue when its embedding does not exist yet.
   * @param init `model`: hash of the weights whose embedding is meant. Rejects with `model_changed` when the project uses
   * others, and there is none of these.
   */
  async embedding(
    imageId: number,
    priority: "look" | "prefetch",
    { model, region, ...init }: Signal & { model: string; region?: string },
  ): Promise<EmbeddingAnswer> {
    const query = { dtype: "packed", priority, model, ...(region === undefined ? {} : { region }) } as const;
    const { response } = await this.api.GET("/api/v1/images/{image_id}/embedding", {
      params: { path: { image_id: imageId }, query },
      parseAs: "stream",
      ...init,
    });
    if (response.status === 202) return (await response.json()) as EmbeddingAnswer;
    return { state: "ready", bytes: await response.arrayBuffer() };
  }

  models = async () => (await body<{ models: Model[] }>(this.api.GET("/api/v1/models"))).models;
  /** Has a model fetched on the server; one that failed goes on where it stopped. */
  pullModel = (name: string) => this.api.POST("/api/v1/models/{name}/pull", { params: { path: { name } } });
  /** What has arrived of it stays for the next time. */
  cancelPull = (name: string) =>
    this.api.DELETE("/api/v1/models/{name}/pull", { params: { path: { name } } });
  /** @param model name of an installed one; null for whatever the installation uses */
  changeModel = (projectId: number, model: string | null) =>
    body<ModelChange>(
      this.api.PUT("/api/v1/projects/{project_id}/model", {
        params: { path: { project_id: projectId } },
        body: { model, at_once: false },
      }),
    );

  manifest = (weightsSha256: string) =>
    body<Manifest>(
      this.api.GET("/api/v1/models/{weights_sha256}/manifest", {
        params: { path: { weights_sha256: weightsSha256 } },
      }),
    );

  /** @param version sha256 of the graph, from the manifest */
  async graph(weightsSha256: string, graph: "prepare" | "decode", version: string): Promise<ArrayBuffer> {
    const path = "/api/v1/models/{weights_sha256}/graphs/{graph}";
    const params = { path: { weights_sha256: weightsSha256, graph }, query: { v: version } };
    return await (await this.api.GET(path, { params, parseAs: "stream" })).response.arrayBuffer();
  }

  /** Send one operation. An expired login is an error here: the queue waits without holding its lock. */
  sendOperation = (request: {
    imageId: number;
    operationId: string;
    operation: Operation | MarkOperation;
    revision: number;
  }) =>
    body<OperationResult>(
      this.apiOnce.POST("/api/v1/images/{image_id}/operations", {
        params: { path: { image_id: request.imageId }, header: { "If-Match": `"${request.revision}"` } },
        body: { operation_id: request.operationId, operation: request.operation },
      }),
    );

  /** Files go as they are: they can be larger than what should be parsed here. */
  async importAnnotations(
    projectId: number,
    files: readonly File[],
    query: ImportQuery,
  ): Promise<ImportSummary> {
    const form = new FormData();
    for (const file of files) form.append("file", file);
    return await body<ImportSummary>(
      this.api.POST("/api/v1/projects/{project_id}/import", {
        params: { path: { project_id: projectId }, query },
        body: { file: [] },
        bodySerializer: () => form,
      }),
    );
  }

  jobs = async (projectId: number) => {
    const params = { path: { project_id: projectId } };
    return (await body<{ jobs: Job[] }>(this.api.GET("/api/v1/projects/{project_id}/jobs", { params }))).jobs;
  };
  precompute = (projectId: number) =>
    body<Job>(
      this.api.POST("/api/v1/projects/{project_id}/jobs", {
        params: { path: { project_id: projectId } },
        body: { kind: "precompute" },
      }),
    );
  /** Those that a project can use, the one that it uses unless another is named first. */
  detectors = async (projectId: number) => {
    const params = { path: { project_id: projectId } };
    const found = await body<{ detectors: Detector[] }>(
      this.api.GET("/api/v1/projects/{project_id}/detectors", { params }),
    );
    return found.detectors;
  };
  /** From which score on boxes of text detectors are suggested, of the categories that people have decided about. */
  textThresholds = async (projectId: number) => {
    const params = { path: { project_id: projectId } };
    const found = await body<{ thresholds: TextThreshold[] }>(
      this.api.GET("/api/v1/projects/{project_id}/text-thresholds", { params }),
    );
    return found.thresholds;
  };
  /** @param request by default everything on a grid */
  suggestOnAll = (projectId: number, request: SuggestRequest | null = null) =>
    body<Job>(
      this.api.POST("/api/v1/projects/{project_id}/jobs", {
        params: { path: { project_id: projectId } },
        body: { kind: "suggest", request },
      }),
    );
  /** Orders the images of a project by what they would teach the model. */
  rankImages = (projectId: number, by: RankBy) =>
    body<Job>(
      this.api.POST("/api/v1/projects/{project_id}/jobs", {
        params: { path: { project_id: projectId } },
        body: { kind: "rank", by },
      }),
    );
  steerJob = (id: number, action: "pause" | "resume" | "cancel" | "retry") =>
    body<Job>(this.api.POST("/api/v1/jobs/{job_id}/{action}", { params: { path: { job_id: id, action } } }));
}

/* Addresses that the browser itself loads: images, downloads, the event stream, uploads. */
export const imageFile = (id: number) => `${ROOT}/api/v1/images/${id}/file`;
/** Of an image at this revision; `look`: another one when colours of categories have changed. As large as the thumbnail. */
export const imageMasks = (id: number, revision: number, look: string) =>
  `${ROOT}/api/v1/images/${id}/masks?revision=${revision}&look=${look}`;
export const imageThumbnail = (id: number) => `${ROOT}/api/v1/images/${id}/thumbnail`;
/** @param after number of the last event that is known; null when none is */
export const projectEvents = (projectId: number, after: string | null) =>
  `${ROOT}/api/v1/projects/${projectId}/events${after ? `?after=${after}` : ""}`;
export const projectUpload = (projectId: number) => `${ROOT}/api/v1/projects/${projectId}/images`;
