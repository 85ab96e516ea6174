import type { ProvRequest, ProvResponse, RouteHandler } from '../../src/http/route.ts';

/** What the routes answer to one request, dispatched as the server does. */
export async function ask(
  routes: readonly RouteHandler[],
  target: string,
  options: {
    readonly method?: 'GET' | 'POST';
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: Uint8Array;
  } = {},
): Promise<ProvResponse> {
  const { method = 'GET', headers = {}, body = new Uint8Array() } = options;
  const [path = '', query = ''] = target.split('?');
  const route = routes.find(
    (candidate) =>
      candidate.method === method &&
      (candidate.path === undefined ? path.startsWith(candidate.prefix) : candidate.path === path),
  );
  if (route === undefined) return { status: 404, body: '' };
  const request: ProvRequest = {
    method,
    path,
    query: new URLSearchParams(query),
    headers,
    body,
    remoteAddress: '192.0.2.1',
    signal: new AbortController().signal,
  };
  return await route.handle(request);
}
