/** The annotate page without its pixels: brings picture, embedding and annotations of an image together. */

import type { Category, Exhaustivity, ImageDetails, ImageState, Project, ReturnedTo } from "../api/types.ts";
import type { Services } from "../app/services.ts";
import { WorkClock, watchWork } from "../session/pace.ts";
import { createSession, type Session } from "../session/session.svelte.ts";
import { m } from "../texts/messages.ts";
import { CloserLook, encodeRegion } from "./closer-look.svelte.ts";
import { Comments } from "./comments.svelte.ts";
import { EmbeddingWaits } from "./embedding-waits.ts";
import { Engine } from "./engine.svelte.ts";
import { reopenedText } from "./exhaustivity.ts";
import { Handouts } from "./handouts.ts";
import { hearEvents } from "./hear-events.ts";
import { History } from "./history.svelte.ts";
import { ImageCache } from "./image-cache.ts";
import { ImageOpener } from "./image-opener.svelte.ts";
import { LastCategory } from "./last-category.ts";
import { Marks } from "./marks.ts";
import { ModelFollower } from "./model-follower.ts";
import { Objects } from "./objects.svelte.ts";
import { OpenImage } from "./open-image.svelte.ts";
import { OwnSteps } from "./own-steps.ts";
import { Propagator } from "./propagator.ts";
import { type Rights, rightsOn } from "./rights.ts";
import { Suggesting } from "./suggesting.svelte.ts";
import { WatchedProject } from "./watched-project.svelte.ts";

export class Workspace {
  readonly engine: Engine;
  readonly session: Session;
  readonly objects: Objects;
  readonly closer: CloserLook;
  readonly marks: Marks;
  readonly handouts: Handouts;
  readonly history: History;
  readonly comments: Comments;
  readonly suggesting: Suggesting;
  readonly propagator: Propagator;
  private readonly opened: OpenImage;
  private readonly opener: ImageOpener;
  private readonly follower: ModelFollower;
  private readonly ownSteps: OwnSteps;
  private readonly waits = new EmbeddingWaits();
  private readonly cache: ImageCache;
  private readonly lastCategory: LastCategory;
  private readonly watched: WatchedProject;
  private readonly disposers: (() => void)[] = [];

  constructor(
    private readonly services: Services,
    projectId: number,
  ) {
    const { client, toasts, saving } = services;
    const listing = () => services.router.listing;
    this.cache = new ImageCache(client, this.waits, () => this.engine.model, listing);
    this.lastCategory = new LastCategory(localStorage, projectId);
    let learnModel!: (sha256: string) => void;
    const model = new Promise<string>((resolve) => {
      learnModel = resolve;
    });
    this.engine = new Engine(client, model, (error) => toasts.error(error));
    const { decoder } = this.engine;
    const clock = new WorkClock();
    this.disposers.push(watchWork(clock, window));
    this.session = createSession({
      decoder,
      record: (...step) => {
        void this.opened.record(...step);
        queueMicrotask(() => this.follower.turnOverWhenFree()); // the step may have ended what was drawn
      },
      notify: ({ level, message }) => {
        const text = services.view.keymap.inText(message);
        if (level === "error") toasts.error(new Error(text));
        else toasts.info(text);
      },
      onOutside: () => void this.closer.leave(),
      onRemoved: (count, undo) => toasts.offer(m.annotate_removed({ count }), undo),
      onCategory: (id) => this.lastCategory.remember(id),
      clock,
      readOnly: () => this.rights.readOnly,
    });
    this.closer = new CloserLook(decoder, this.session, {
      encode: (imageId, region, signal) =>
        this.follower.heeding(encodeRegion(client, this.waits, this.engine.model, imageId, region, signal)),
      whole: () => this.engine.embedding,
      tell: (message) => toasts.info(message),
      fail: (error) => toasts.error(error),
    });
    this.follower = new ModelFollower({
      cache: this.cache,
      engine: this.engine,
      session: this.session,
      closer: this.closer,
      taken: () => this.tell(m.annotate_model_changed({ model: this.project?.model.title ?? "" })),
      embedAgain: () => this.opener.embedAgain(),
      refused: () => this.watched.loadSoon(),
    });
    this.objects = new Objects(this.session);
    this.propagator = new Propagator(decoder, this.session, this.objects, (...said) => this.tell(...said));
    this.marks = new Marks(client, projectId, listing);
    this.handouts = new Handouts(client, projectId, this.marks, listing);
    this.history = new History({
      client,
      session: this.session,
      know: (deleted) => this.opened.know(deleted),
      tell: (message) => this.tell(message),
      fail: (error) => toasts.error(error),
    });
    this.comments = new Comments(
      client,
      sessionStorage,
      () => `${services.account.id}`,
      (error) => toasts.error(error),
    );
    this.suggesting = new Suggesting(
      client,
      this.session,
      (message) => this.tell(message),
      (error) => toasts.error(error),
    );
    this.opened = new OpenImage({
      client,
      listing,
      marks: this.marks,
      synchroniser: () => saving.ready(),
      me: () => services.account.name,
      replace: (annotations, exhaustive) => this.session.replaceAnnotations(annotations, exhaustive),
      reopened: (said) => this.tell(reopenedText(said, this.session.list.categories)),
      based: (...at) => void this.ownSteps.load(...at),
      tell: (message) => this.tell(message),
      fail: (error) => toasts.error(error),
    });
    this.ownSteps = new OwnSteps({
      client,
      me: () => services.account.name,
      precede: (steps, ended) => {
        this.opened.remember(steps);
        this.session.store.precede(steps, ended);
      },
      fail: (error) => toasts.error(error),
    });
    this.opener = new ImageOpener({
      cache: this.cache,
      engine: this.engine,
      follower: this.follower,
      session: this.session,
      opened: this.opened,
      closer: this.closer,
      ownSteps: this.ownSteps,
      suggesting: this.suggesting,
      comments: this.comments,
      propagator: this.propagator,
      handouts: this.handouts,
      me: () => services.account.name,
      tell: (...said) => this.tell(...said),
    });
    const { tryAgain } = this.opener;
    window.addEventListener("online", tryAgain);
    this.disposers.push(() => window.removeEventListener("online", tryAgain));
    saving.onMarkRefused = (imageId) => this.marks.forget(imageId);
    this.watched = new WatchedProject(client, projectId, {
      categories: (...known) => this.setCategories(...known),
      model: (sha256) => {
        learnModel(sha256);
        void this.follower.follow(sha256);
      },
      fail: (error) => toasts.error(error),
    });
    this.disposers.push(
      () => this.watched.dispose(),
      hearEvents(services.streams, projectId, {
        waits: this.waits,
        watched: this.watched,
        opener: this.opener,
        opened: this.opened,
        marks: this.marks,
        history: this.history,
        comments: this.comments,
        suggesting: this.suggesting,
        notice: async (...at) => await (await saving.ready()).notice(...at),
        heedRights: () => void this.heedRights(),
      }),
    );
    void this.watched.load(); // at once: the stream of events begins later
  }

  get picture(): ImageBitmap | null {
    return this.opener.picture;
  }

  /** Why the image could not be opened; empty when it was, or is on its way. */
  get problem(): string {
    return this.opener.problem;
  }

  get project(): Project | null {
    return this.watched.project;
  }

  get image(): ImageDetails | null {
    return this.opened.details;
  }

  /** Who said of which category that all of it are annotated, as the server knows it. */
  get exhaustivity(): readonly Exhaustivity[] {
    return this.opened.exhaustivity;
  }

  /** What the person may do with the open image. */
  get rights(): Rights {
    return rightsOn(this.image, this.project);
  }

  async mark(state: ImageState, note: string, to?: ReturnedTo): Promise<boolean> {
    return await this.opened.mark(state, note, to);
  }

  async open(id: number): Promise<void> {
    await this.opener.open(id);
  }

  /** Open the same image again, from the server. */
  async reload(): Promise<void> {
    await this.opener.reload();
  }

  async loadProject(): Promise<void> {
    await this.watched.load();
  }

  dispose(): void {
    this.opener.leave();
    this.cache.clear();
    this.history.dispose();
    for (const dispose of this.disposers) dispose();
    this.engine.dispose();
  }

  /** Others may have the open image, if it was this person's and is not settled. Called when the page goes away, too. */
  giveBack(): void {
    this.opener.giveBack();
  }

  private setCategories(categories: readonly Category[], first: boolean): void {
    this.session.setCategories(categories);
    const last = this.lastCategory.known(categories);
    if (first && last !== null && this.session.categoryId === null) this.session.categoryId = last;
  }

  /** The person may do something else than before: an image that opens for looking only, or is open for drawing again. */
  private async heedRights(): Promise<void> {
    const before = this.session.readOnly;
    try {
      await Promise.all([this.watched.load(), this.opened.refresh()]);
    } catch (error) {
      this.services.toasts.error(error);
      return;
    }
    const { readOnly } = this.session;
    if (readOnly === before || !this.opener.wanted) return;
    if (readOnly) this.tell(readOnly, m.annotate_draft_in_browser());
    await this.opener.reload();
  }

  /** Commands in braces are written as the keys that mean them. */
  private tell(message: string, hint = ""): void {
    const { keymap } = this.services.view;
    this.services.toasts.info(keymap.inText(message), keymap.inText(hint));
  }
}
