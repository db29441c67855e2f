/** What every page needs, made once and handed down through Svelte's context. */
import { getContext, setContext } from "svelte";
import { AgreementClient } from "../api/agreement.ts";
import { AuditClient } from "../api/audit.ts";
import { type Client, createClient } from "../api/client.ts";
import { ExportsClient } from "../api/exports.ts";
import { Http } from "../api/http.ts";
import { LearningClient } from "../api/learning.ts";
import { PeopleClient } from "../api/people.ts";
import { SignInClient } from "../api/sign-in.ts";
import { StatisticsClient } from "../api/statistics.ts";
import { TrashClient } from "../api/trash.ts";
import { uploadImage } from "../api/upload.ts";
import { VerificationClient } from "../api/verification.ts";
import { WebhooksClient } from "../api/webhooks.ts";
import { ProjectStreams, sharingIn } from "../sync/streams.ts";
import { Account, ownerOf } from "./account.svelte.ts";
import { ProjectUploads } from "./project-uploads.ts";
import { untilReachable } from "./reachable.ts";
import { Router } from "./router.svelte.ts";
import { Saving } from "./saving.svelte.ts";
import { ServerWatch } from "./server.svelte.ts";
import { Toasts } from "./toasts.svelte.ts";
import { View } from "./view.svelte.ts";

export interface Services {
  client: Client;
  people: PeopleClient;
  audit: AuditClient;
  signIn: SignInClient;
  statistics: StatisticsClient;
  exports: ExportsClient;
  learning: LearningClient;
  verification: VerificationClient;
  agreement: AgreementClient;
  webhooks: WebhooksClient;
  trash: TrashClient;
  account: Account;
  router: Router;
  saving: Saving;
  streams: ProjectStreams;
  server: ServerWatch;
  toasts: Toasts;
  uploads: ProjectUploads;
  view: View;
}

export function createServices(): Services {
  const http: Http = new Http({
    fetch: (request) => fetch(request),
    signInAgain: () => account.signInAgain(),
    renewCsrfToken: () => account.renewCsrfToken(),
  });
  const client = createClient(http);
  const account: Account = new Account(
    client,
    http,
    () => void saving.flush(),
    () => location.reload(),
  );
  const toasts = new Toasts();
  const scope = account.session.then((session) => `limner ${ownerOf(session)}`);
  const saving = new Saving(client, account, scope, (error) => toasts.error(error));
  return {
    client,
    people: new PeopleClient(http),
    audit: new AuditClient(http),
    signIn: new SignInClient(http),
    statistics: new StatisticsClient(http),
    exports: new ExportsClient(http),
    learning: new LearningClient(http),
    verification: new VerificationClient(http),
    agreement: new AgreementClient(http),
    webhooks: new WebhooksClient(http),
    trash: new TrashClient(http),
    account,
    saving,
    streams: new ProjectStreams(scope.then(sharingIn)),
    router: new Router(),
    server: new ServerWatch(client),
    toasts,
    uploads: new ProjectUploads({
      send: (projectId, found, onProgress) => uploadImage(projectId, found, client.csrfToken, onProgress),
      login: account,
      reachable: () => untilReachable(client.session),
    }),
    view: new View(),
  };
}

const KEY = Symbol("services");

export const provideServices = (services: Services): Services => setContext(KEY, services);
/** For a component that is mounted without a page: the context in which it finds its services. */
export const contextOf = (services: Partial<Services>) => new Map([[KEY, services]]);
export const useServices = (): Services => getContext(KEY);
