/** Calls about people: one's own account, everybody's, invitations, roles in projects. */
import { apiOf, body } from "./calls.ts";
import type { Http } from "./http.ts";
import type { paths } from "./schema.d.ts";
import type {
  Account,
  Author,
  Invitation,
  InvitationOffer,
  Member,
  Person,
  ProjectRole,
  Scope,
  Session,
} from "./types.ts";

type Created = { invitation: Invitation; token: string };
type NewInvitation = paths["/api/v1/invitations"]["post"]["requestBody"]["content"]["application/json"];
type PersonChanges = Partial<
  paths["/api/v1/people/{user_id}"]["patch"]["requestBody"]["content"]["application/json"]
>;

export class PeopleClient {
  private readonly api;

  constructor(http: Http) {
    this.api = apiOf(http.fetch);
  }

  account = () => body<Account>(this.api.GET("/api/v1/account"));
  rename = (name: string) => body<Account>(this.api.PATCH("/api/v1/account", { body: { name } }));
  setPassword = (change: { new: string; old?: string }) =>
    body<Account>(this.api.PUT("/api/v1/account/password", { body: change }));
  endSession = (key: string) =>
    this.api.DELETE("/api/v1/account/sessions/{key}", { params: { path: { key } } });
  endOtherSessions = () => this.api.DELETE("/api/v1/account/sessions");
  createToken = async (token: { name: string; scopes: Scope[]; days?: number }) =>
    (await body<{ token: string }>(this.api.POST("/api/v1/account/tokens", { body: token }))).token;
  revokeToken = (name: string) =>
    this.api.DELETE("/api/v1/account/tokens/{name}", { params: { path: { name } } });

  people = async () => (await body<{ people: Person[] }>(this.api.GET("/api/v1/people"))).people;
  changePerson = async (id: number, changes: PersonChanges) => {
    const answer = this.api.PATCH("/api/v1/people/{user_id}", {
      params: { path: { user_id: id } },
      body: { drop_password: false, ...changes },
    });
    return (await body<{ people: Person[] }>(answer)).people;
  };
  signInLink = async (id: number) =>
    (
      await body<{ token: string }>(
        this.api.POST("/api/v1/people/{user_id}/link", { params: { path: { user_id: id } } }),
      )
    ).token;

  /** The address to which the browser goes to have an identity at a provider sign one in. */
  connect = async (provider: string) => {
    const params = { path: { provider } };
    const answer = this.api.POST("/api/v1/sign-in/{provider}/connect", { params });
    return (await body<{ address: string }>(answer)).address;
  };
  disconnect = (id: number) =>
    this.api.DELETE("/api/v1/account/identities/{identity_id}", { params: { path: { identity_id: id } } });

  /** All, or those to one project. */
  invitations = async (projectId: number | null) => {
    const answer =
      projectId === null
        ? this.api.GET("/api/v1/invitations")
        : this.api.GET("/api/v1/projects/{project_id}/invitations", {
            params: { path: { project_id: projectId } },
          });
    return (await body<{ invitations: Invitation[] }>(answer)).invitations;
  };
  invite = (invitation: NewInvitation) =>
    body<Created>(this.api.POST("/api/v1/invitations", { body: invitation }));
  inviteToProject = (projectId: number, role: ProjectRole, note: string, email: string) =>
    body<Created>(
      this.api.POST("/api/v1/projects/{project_id}/invitations", {
        params: { path: { project_id: projectId } },
        body: { role, note, email },
      }),
    );
  withdraw = (id: number, projectId: number | null) =>
    projectId === null
      ? this.api.DELETE("/api/v1/invitations/{invitation_id}", { params: { path: { invitation_id: id } } })
      : this.api.DELETE("/api/v1/projects/{project_id}/invitations/{invitation_id}", {
          params: { path: { project_id: projectId, invitation_id: id } },
        });

  offer = (token: string) => body<InvitationOffer>(this.api.POST("/api/v1/invitation", { body: { token } }));
  accept = (acceptance: { token: string; name: string; password: string }) =>
    body<Session>(this.api.POST("/api/v1/invitation/accept", { body: acceptance }));

  members = async (projectId: number) =>
    (
      await body<{ members: Member[] }>(
        this.api.GET("/api/v1/projects/{project_id}/members", {
          params: { path: { project_id: projectId } },
        }),
      )
    ).members;
  /** Who submitted images of the project, be they members or not. */
  authors = async (projectId: number) =>
    (
      await body<{ authors: Author[] }>(
        this.api.GET("/api/v1/projects/{project_id}/authors", {
          params: { path: { project_id: projectId } },
        }),
      )
    ).authors;
  setMember = (projectId: number, name: string, role: ProjectRole) =>
    body<Member>(
      this.api.POST("/api/v1/projects/{project_id}/members", {
        params: { path: { project_id: projectId } },
        body: { name, role },
      }),
    );
  removeMember = (projectId: number, userId: number) =>
    this.api.DELETE("/api/v1/projects/{project_id}/members/{user_id}", {
      params: { path: { project_id: projectId, user_id: userId } },
    });
}
