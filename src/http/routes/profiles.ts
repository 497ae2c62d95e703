import type { FastifyInstance } from 'fastify';
import type { Presence, Routing } from '../../stores/index.ts';
import { profilesOf } from '../../switch/index.ts';
import type { ApiParts } from '../api-parts.ts';
import { Refused } from '../problem.ts';
import { owned, ownerKinds, type OwnerKind } from '../rule-owners.ts';
import { presenceField, profileFields } from '../rule-schemas.ts';
import { body, params, problems } from '../schemas.ts';

type Whose = { readonly ext?: string; readonly number?: string };

const profileOf = ({ profile, profiles }: Routing) => ({
  profile: profile ?? null,
  profiles: profilesOf({ profiles }),
});

const profileSchema = { description: 'The profile', type: 'object', properties: profileFields };

/** Which set of rules counts, and what a user is doing. */
export function profileRoutes(server: FastifyInstance, parts: ApiParts): void {
  for (const kind of ownerKinds) profile(server, parts, kind);
  const [user] = ownerKinds;
  if (user !== undefined) presence(server, parts, user);
}

function profile(server: FastifyInstance, parts: ApiParts, kind: OwnerKind): void {
  const { product, auditLog, directory } = parts;
  const tags = ['rules'];
  server.get<{ Params: Whose }>(
    `${kind.path}/profile`,
    {
      schema: {
        tags,
        summary: 'The profile that is active, and all that there are',
        params: params(kind.parameter),
        response: { 200: profileSchema, ...problems(401, 404) },
      },
    },
    ({ params, who }) =>
      profileOf(product.rules.routing(owned(kind, directory, params[kind.parameter] ?? '', who.asker).owner)),
  );
  server.put<{
    Params: Whose;
    Body: { readonly profile: string | null; readonly profiles?: readonly string[] };
  }>(
    `${kind.path}/profile`,
    {
      schema: {
        tags,
        summary: 'Makes another profile the active one; null is none. `profiles` replaces the own ones',
        params: params(kind.parameter),
        body: body(profileFields, ['profile']),
        response: { 200: profileSchema, ...problems(400, 401, 404, 422) },
      },
    },
    async ({ params, who, body: said }) => {
      const { owner, what } = owned(kind, directory, params[kind.parameter] ?? '', who.asker);
      let before: object = {};
      const change = (routing: Routing): Routing => {
        before = profileOf(routing);
        const { profile: _profile, ...rest } = routing;
        const profiles = [...new Set(said.profiles ?? routing.profiles)];
        if (said.profile !== null && !profilesOf({ profiles }).includes(said.profile))
          throw new Refused(422, `There is no profile ${said.profile}`);
        return { ...rest, profiles, ...(said.profile === null ? {} : { profile: said.profile }) };
      };
      const after = await auditLog.through(() => product.rules.change(owner, change));
      auditLog.write(who, { action: 'change', what: `${what}/profile`, before, after: profileOf(after) });
      return profileOf(after);
    },
  );
}

function presence(server: FastifyInstance, parts: ApiParts, kind: OwnerKind): void {
  const { product, auditLog, directory } = parts;
  const tags = ['rules'];
  const answer = {
    description: 'What the user says, and all that holds now',
    type: 'object',
    properties: { presence: presenceField, now: { type: 'array', items: { type: 'string' } } },
  };
  const shown = (routing: Routing) => ({
    presence: routing.presence ?? 'available',
    now: [...product.rules.presence(routing.owner)],
  });
  server.get<{ Params: Whose }>(
    `${kind.path}/presence`,
    {
      schema: {
        tags,
        summary: 'Whether a user is available',
        params: params(kind.parameter),
        response: { 200: answer, ...problems(401, 404) },
      },
    },
    ({ params, who }) =>
      shown(product.rules.routing(owned(kind, directory, params.ext ?? '', who.asker).owner)),
  );
  server.put<{ Params: Whose; Body: { readonly presence: Presence } }>(
    `${kind.path}/presence`,
    {
      schema: {
        tags,
        summary: 'Says what a user is doing, until it is said anew',
        params: params(kind.parameter),
        body: body({ presence: presenceField }, ['presence']),
        response: { 200: answer, ...problems(400, 401, 404) },
      },
    },
    async ({ params, who, body: said }) => {
      const { owner, what } = owned(kind, directory, params.ext ?? '', who.asker);
      let before: Presence = 'available';
      const change = (routing: Routing): Routing => {
        before = routing.presence ?? 'available';
        return { ...routing, presence: said.presence };
      };
      const after = await auditLog.through(() => product.rules.change(owner, change));
      auditLog.write(who, {
        action: 'change',
        what: `${what}/presence`,
        before: { presence: before },
        after: { presence: said.presence },
      });
      return shown(after);
    },
  );
}
