import { HttpError } from './http-error.ts';
import type { RouteHandler } from './route.ts';

/** The route for a request: an exact path before a prefix, a longer prefix before a shorter. */
export function findRoute(
  routes: readonly RouteHandler[],
  method: string,
  path: string,
): RouteHandler {
  const exact = routes.filter((route) => route.path === path);
  const candidates = exact.length > 0 ? exact : underPrefix(routes, path);
  if (candidates.length === 0) throw new HttpError(404, 'there is nothing at this path');
  const route = candidates.find((candidate) => candidate.method === method);
  if (route !== undefined) return route;
  const allow = [...new Set(candidates.map((candidate) => candidate.method))].join(', ');
  throw new HttpError(405, `expected ${allow}`, { allow });
}

function underPrefix(routes: readonly RouteHandler[], path: string): RouteHandler[] {
  const matching = routes.filter(({ prefix }) => prefix !== undefined && path.startsWith(prefix));
  const longest = Math.max(...matching.map(({ prefix = '' }) => prefix.length));
  return matching.filter(({ prefix = '' }) => prefix.length === longest);
}
