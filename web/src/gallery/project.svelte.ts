import type { Client } from "../api/client.ts";
import type { Folder, Job, Project, ProjectImage, Tag } from "../api/types.ts";
import type { ProjectStreams } from "../sync/streams.ts";
import { GalleryImages } from "./images.svelte.ts";

/** Where the newest job of a kind is kept. */
const PLACES: Partial<Record<Job["kind"], "job" | "suggestJob" | "rankJob">> = {
  precompute: "job",
  suggest: "suggestJob",
  rank: "rankJob",
};

const SETTLE = 400; // ms; many events in a row ask for the project's counts once

/** One project as the gallery shows it: counts, images and the jobs that encode them, kept fresh by events. */
export class GalleryProject {
  project = $state.raw<Project | null>(null);
  /** The newest job that encodes all images by the project's model. */
  job = $state.raw<Job | null>(null);
  /** The newest job after which the project uses another model. */
  change = $state.raw<Job | null>(null);
  /** The newest job that suggests masks. */
  suggestJob = $state.raw<Job | null>(null);
  /** The newest job that ranks images by what they would teach the model. */
  rankJob = $state.raw<Job | null>(null);
  /** Those that images are in. */
  folders = $state.raw<Folder[]>([]);
  /** That images have. */
  tags = $state.raw<Tag[]>([]);
  readonly images: GalleryImages;
  private foldersStale = true;
  private tagsStale = true;
  private asked = 0;
  /** Counts what was told of jobs, and when that was last of each. */
  private tellings = 0;
  private readonly told = new Map<number, number>();
  private timer: ReturnType<typeof setTimeout> | null = null;
  private listTimer: ReturnType<typeof setTimeout> | null = null;

  constructor(
    private readonly client: Client,
    readonly id: number,
    private readonly report: (error: unknown) => void,
  ) {
    this.images = new GalleryImages(client, id);
  }

  /** The project comes first: tiles are shown with it. @param tiles what stands beside them is asked for after this */
  async load(tiles: Promise<void> = Promise.resolve()): Promise<void> {
    this.foldersStale = this.tagsStale = true;
    await this.askProject();
    await tiles;
    const { tellings } = this;
    const [jobs] = await Promise.all([this.client.jobs(this.id), this.askFilters()]);
    // What was told of a job since they were asked for is newer.
    for (const each of jobs) if ((this.told.get(each.id) ?? 0) <= tellings) this.put(each);
  }

  /** How a job stands now. */
  take(job: Job): void {
    this.told.set(job.id, ++this.tellings);
    this.put(job);
  }

  private put(job: Job): void {
    const place = PLACES[job.kind] ?? "change";
    const before = this[place];
    if (job.id < (before?.id ?? 0)) return;
    this[place] = job;
    const ranked =
      job.kind === "rank" && job.state === "done" && before?.id === job.id && before.state !== "done";
    if (ranked) void this.images.reload(); // in whatever order they are listed: each says why it has its rank
  }

  async refresh(): Promise<void> {
    try {
      await this.ask();
    } catch (error) {
      this.report(error);
    }
  }

  async refreshAll(): Promise<void> {
    await Promise.all([this.refresh(), this.images.reload()]);
  }

  /** There is a new image. */
  adopt(imageId: number, image?: ProjectImage): void {
    if (!this.images.add(imageId, image)) this.reloadSoon();
  }

  private reloadSoon(): void {
    if (this.listTimer !== null) return;
    this.listTimer = setTimeout(() => {
      this.listTimer = null;
      void this.images.reload();
    }, SETTLE);
  }

  /** @returns disposer */
  listen(streams: ProjectStreams): () => void {
    const stop = streams.listen(this.id, {
      image: ({ image_id, action }) => {
        if (action === "deleted") this.images.drop(image_id);
        else if (action === "restored")
          this.reloadSoon(); // it is not the last one
        else this.adopt(image_id);
        this.foldersStale = this.tagsStale = true;
        this.refreshSoon();
      },
      categories: () => this.refreshSoon(),
      annotations: ({ image_id, revision, annotation_count, mark }) => {
        this.images.change(image_id, { revision, annotation_count, mark });
        this.refreshSoon();
      },
      comments: ({ image_id, open }) => this.images.change(image_id, { open_threads: open }),
      work: ({ images }) => {
        if (images.length === 0) void this.catchUp();
        for (const { image_id, ...work } of images) this.images.change(image_id, { work });
      },
      tags: ({ images }) => {
        if (images.length === 0) this.reloadSoon();
        for (const { image_id, tags } of images) this.images.change(image_id, { tags });
        this.tagsStale = true;
        this.refreshSoon();
      },
      moved: ({ images }) => {
        for (const { image_id, file_name } of images) this.images.change(image_id, { file_name });
        if (images.length === 0 || this.images.goesByNames) this.reloadSoon();
        this.foldersStale = true;
        this.refreshSoon();
      },
      embedding: ({ image_id, state, error }) => {
        this.images.change(image_id, { embedding: { state, error: error ?? null } });
        this.refreshSoon();
      },
      job: (job) => this.take({ ...job, model: job.model ?? null }),
      model: () => void this.catchUp(), // other embeddings count from now on
      start: () => void this.catchUp(),
      reset: () => void this.catchUp(),
    });
    return () => {
      stop();
      for (const timer of [this.timer, this.listTimer]) if (timer !== null) clearTimeout(timer);
    };
  }

  refreshSoon(): void {
    if (this.timer !== null) return;
    this.timer = setTimeout(() => {
      this.timer = null;
      void this.refresh();
    }, SETTLE);
  }

  /** After a gap in the events, and where they begin: what was read before they did may be older. */
  private async catchUp(): Promise<void> {
    try {
      await Promise.all([this.load(), this.images.reload()]);
    } catch (error) {
      this.report(error);
    }
  }

  private async ask(): Promise<void> {
    await Promise.all([this.askProject(), this.askFilters()]);
  }

  /** Answers may overtake each other: only that to the latest question counts. */
  private async askProject(): Promise<void> {
    const question = ++this.asked;
    const project = await this.client.project(this.id);
    if (question === this.asked) this.project = project;
  }

  /** Folders and tags, if those that are known may be older. */
  private async askFilters(): Promise<void> {
    const { foldersStale, tagsStale } = this;
    this.foldersStale = this.tagsStale = false;
    const [folders, tags] = await Promise.all([
      foldersStale ? this.client.folders(this.id) : this.folders,
      tagsStale ? this.client.tags(this.id) : this.tags,
    ]);
    if (foldersStale) this.folders = folders;
    if (tagsStale) this.tags = tags;
  }
}
