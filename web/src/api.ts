// The API as the page asks it. A failure is one error with a sentence that can be shown.

export class ApiError extends Error {
    constructor(
        /** HTTP status; 0 where no answer came. */
        readonly status: number,
        message: string,
        /** The parameter that the daemon did not accept. */
        readonly param: string | null = null,
        /** How long it wants not to be asked again; 0 where it does not say. */
        readonly retryAfterS = 0,
    ) {
        super(message);
    }
}

interface Problem {
    title?: unknown;
    detail?: unknown;
    param?: unknown;
}

const TIMEOUT_MS = 10_000;

export type Params = Record<string, string | number>;

export function pathWith(path: string, params: Params): string {
    const query = new URLSearchParams(Object.entries(params).map(([k, v]) => [k, String(v)])).toString();
    // What a list is made of may stand in a query as it is, and is easier to read.
    return query ? `${path}?${query.replaceAll('%2C', ',').replaceAll('%21', '!').replaceAll('%3A', ':').replaceAll('%2F', '/')}` : path;
}

export async function get<T>(path: string, params: Params = {}): Promise<T> {
    const response = await ask(pathWith(path, params), {});
    try {
        return (await response.json()) as T;
    } catch {
        throw new ApiError(0, 'the answer was cut short');
    }
}

export async function post(path: string, body: unknown): Promise<void> {
    await ask(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
}

async function ask(url: string, init: RequestInit): Promise<Response> {
    let response: Response;
    try {
        response = await fetch(url, { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) });
    } catch {
        throw new ApiError(0, 'the daemon does not answer');
    }
    if (!response.ok)
        throw await problemOf(response);
    return response;
}

async function problemOf(response: Response): Promise<ApiError> {
    const problem = (await response.json().catch(() => ({}))) as Problem;
    const text = [problem.detail, problem.title].find((t) => typeof t === 'string' && t !== '');
    return new ApiError(
        response.status,
        typeof text === 'string' ? text : `the daemon answered ${response.status}`,
        typeof problem.param === 'string' ? problem.param : null,
        Number(response.headers.get('Retry-After')) || 0,
    );
}
