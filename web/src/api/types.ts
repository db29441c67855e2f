/** The API's vocabulary: short names for what `schema.d.ts` describes, which is generated from the server. */
import { m, said } from "../texts/messages.ts";
import type { components, operations, paths } from "./schema.d.ts";

type Schemas = components["schemas"];

export type Account = Schemas["Account"];
export type Annotation = Schemas["Annotation"];
export type AuditEntry = Schemas["AuditEntry"];
export type AuditAction = AuditEntry["action"];
export type AuditLog = Schemas["AuditLog"];
export type AuditPerson = Schemas["AuditPerson"];
/** Of a project; that of the installation takes more. */
export type AuditQuery = Pick<
  NonNullable<paths["/api/v1/projects/{project_id}/audit"]["get"]["parameters"]["query"]>,
  "person" | "action" | "since" | "until"
>;
export type Category = Schemas["Category"];
export type Change = Schemas["Change"];
export type LearningRun = Schemas["LearningRun"];
export type LearningStages = Schemas["LearningStages"];
export type StageFigures = Schemas["StageFigures"];
export type Recipe = Pick<Schemas["Recipe"], "kind"> & Partial<Schemas["Recipe"]>;
export type Forecast = Schemas["Forecast"];
export type Effort = Schemas["Effort"];
export type EffortBy = operations["getEffort"]["parameters"]["query"]["by"];
export type ManyResult = Schemas["ManyResult"];
/** What became of many images, all told. */
export type ManyDone = Pick<ManyResult, "done" | "refused">;
export type ManyQuestion = Pick<Schemas["ManyChange"], "change" | "image_ids"> &
  Partial<Schemas["ManyChange"]>;
export type ManyChanged = Schemas["ManyChanged"];
export type ManyEarlier = Schemas["EarlierImages"];
export type TrashedImage = Schemas["TrashedImage"];
export type TrashPage = Schemas["TrashList"];
export type EmbeddingState = Schemas["ImageEmbedding"]["state"];
export type ImageAnnotations = Schemas["AnnotationList"];
export type ImageDetails = Schemas["ImageDetails"];
export type ImageHistory = Schemas["ImageHistory"];
export type ImageMark = Schemas["ImageMark"];
export type ImageWork = Schemas["ImageWork"];
export type NextImage = Schemas["NextImage"];
export type NextOrder = Project["next_order"];
export type RankBy = NonNullable<Schemas["NewJob"]["by"]>;
export type Workers = Schemas["Workers"];
export type Worker = Schemas["Worker"];
export type NewAssignment = Pick<Schemas["NewAssignment"], "to"> & Partial<Schemas["NewAssignment"]>;
export type ImagePage = Schemas["ImageList"];
export type ImportSummary = Schemas["ImportResult"];
export type ImportQuery = NonNullable<
  paths["/api/v1/projects/{project_id}/import"]["post"]["parameters"]["query"]
>;
export type ExportQuery = NonNullable<
  paths["/api/v1/projects/{project_id}/export"]["get"]["parameters"]["query"]
>;
export type ExportPreview = Schemas["ExportPreview"];
export type ToleranceCost = Schemas["ToleranceCost"];
export type Snapshot = Schemas["Snapshot"];
export type SnapshotDiff = Schemas["Diff"];
export type Folder = Schemas["Folder"];
export type Tag = Schemas["Tag"];
export type ImageTags = Schemas["ImageTags"];
export type ImageName = Schemas["ImageName"];
export type Invitation = Schemas["Invitation"];
export type InvitationOffer = Schemas["InvitationOffer"];
export type Job = Schemas["Job"];
export type Model = Schemas["Model"];
export type ModelChange = Schemas["ModelChange"];
export type Manifest = Schemas["Manifest"];
export type Member = Schemas["Member"];
export type Author = Schemas["Author"];
export type OwnStatistics = Schemas["OwnStatistics"];
export type Progress = Schemas["Progress"];
export type Reviews = Schemas["Reviews"];
export type Agreement = Schemas["Agreement"];
export type AgreementSummary = Schemas["AgreementSummary"];
export type ComparedAnswers = Schemas["ComparedAnswers"];
export type ComparedImage = Schemas["ComparedImage"];
export type ComparedImages = Schemas["ComparedImages"];
export type ComparedThing = Schemas["OneThing"];
export type Estimate = Schemas["Estimate"];
export type OverlapState = ComparedImage["overlap"];
export type Settlement = Schemas["Settlement"];
export type GoldFigures = Schemas["GoldFigures"];
export type GoldSummary = Schemas["GoldSummary"];
export type MaskSample = Schemas["MaskSample"];
export type ErrorRate = Schemas["ErrorRate"];
export type ErrorRatesBy = "category" | "person";
export type MaskVerdict = NonNullable<Schemas["VerifiedMask"]["verdict"]>;
export type VerifiedMask = Schemas["VerifiedMask"];
export type OperationResult = Schemas["OperationResult"];
export type Permission = Schemas["Permission"];
export type Person = Schemas["Person"];
export type Project = Schemas["Project"];
export type ProjectEvent = Schemas["ProjectEvent"];
export type ProjectRole = Schemas["ProjectRole"];
export type ProjectImage = Schemas["Image"];
export type Scope = Schemas["Scope"];
export type ServerStatus = Schemas["ServerStatus"];
export type SignInProvider = Schemas["SignInProvider"];
export type Session = Schemas["Session"];
export type Detector = Schemas["Detector"];
export type TextThreshold = Schemas["TextThreshold"];
export type Suggestion = Schemas["Suggestion"];
export type SuggestionList = Schemas["SuggestionList"];
export type Webhook = Schemas["Webhook"];
export type CreatedWebhook = Schemas["CreatedWebhook"];
export type Delivery = Schemas["Delivery"];
export type ToldEvent = Schemas["NewWebhook"]["events"][number];
export type Thread = Schemas["Thread"];
export type NewComment = Schemas["NewComment"];
export type SuggestRequest = Schemas["SuggestionRequest"]["request"];
export type UploadResult = Schemas["UploadResult"];

/** How far the work on an image is. */
export type ImageState = ImageMark["state"];
/** States as people read them, on every page. */
export const STATE_NAMES: Readonly<Record<ImageState, string>> = said({
  waiting: m.app_state_waiting,
  submitted: m.app_state_submitted,
  approved: m.app_state_approved,
  returned: m.app_state_returned,
  skipped: m.app_state_skipped,
});
/** How far an image is on which several people work, as people read it. */
export const OVERLAP_NAMES: Readonly<Record<OverlapState, string>> = said({
  open: m.app_overlap_open,
  begun: m.app_overlap_begun,
  ready: m.app_overlap_ready,
  settled: m.app_overlap_settled,
});
/** Whether somebody has to work on an image that is in this state. */
export const isOpenWork = (state: ImageState): boolean => state === "waiting" || state === "returned";
export type ImageFilter =
  | "all"
  | "annotated"
  | "unannotated"
  | "in_work"
  | "assigned_to_me"
  | "returned_to_me"
  | "commented"
  | "gold"
  | ImageState;

/** What a person can change about an annotation. */
export type AnnotationContent = Pick<
  Annotation,
  "category_id" | "segmentation" | "iscrowd" | "attributes" | "provenance"
> & {
  /** Orders the annotations from the bottom to the top. Without one, it is on top of those that have one. */
  position?: number;
};

/** Refuses a suggestion, or takes that back; `uid` is the suggestion's. */
export type VerdictOperation = { kind: "verdict"; uid: string; refused: boolean };

/** What somebody said of a category on an image, and who reopened it. */
export type Exhaustivity = Schemas["Exhaustivity"];

/** Says whether all of a category are annotated on the image; null: nobody knows. `uid` names what is said. */
export type ExhaustivityOperation = {
  kind: "exhaustivity";
  uid: string;
  category_id: number;
  exhaustive: boolean | null;
};

/** One undoable, idempotent change. The queue gives it its operation id. */
export type Operation = (AnnotationOperation | VerdictOperation | ExhaustivityOperation) & {
  step?: OperationStep;
};

/** The step of its author's undo history that an operation is part of, and whether that was done, undone or done again. */
export type OperationStep = Schemas["Step"];

export type UndoSteps = Schemas["UndoSteps"];

export type AnnotationOperation =
  | ({ kind: "create"; uid: string } & AnnotationContent)
  | { kind: "update"; uid: string; changes: Partial<AnnotationContent> }
  | { kind: "delete"; uid: string }
  | { kind: "restore"; uid: string };

/** Says how far the work on an image is; `uid` names the mark. It goes the way of operations, after those before it. */
/** Who goes on with an image that is returned. */
export type ReturnedTo = "author" | "anyone" | "me";
export type MarkOperation = { kind: "mark"; uid: string; state: ImageState; note: string; to?: ReturnedTo };

/** An answer to "give me the embedding": its bytes, or how far the encoder is. */
export type EmbeddingAnswer =
  | { state: "ready"; bytes: ArrayBuffer }
  | { state: Exclude<EmbeddingState, "ready">; position: number | null; error: string | null };
