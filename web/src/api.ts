// GET of the API. A failure is one error with a sentence that can be shown.

export class ApiError extends Error {
    constructor(
        /** HTTP status; 0 where no answer came. */
        readonly status: number,
        message: string,
        /** The parameter that the daemon did not accept. */
        readonly param: string | null = null,
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

export async function get<T>(path: string, params: Params = {}): Promise<T> {
    const query = new URLSearchParams(Object.entries(params).map(([k, v]) => [k, String(v)])).toString();
    let response: Response;
    try {
        response = await fetch(query ? `${path}?${query}` : path, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    } catch {
        throw new ApiError(0, 'the daemon does not answer');
    }
    if (!response.ok)
        throw await problemOf(response);
    try {
        return (await response.json()) as T;
    } catch {
        throw new ApiError(0, 'the answer was cut short');
    }
}

async function problemOf(response: Response): Promise<ApiError> {
    const problem = (await response.json().catch(() => ({}))) as Problem;
    const text = [problem.detail, problem.title].find((t) => typeof t === 'string' && t !== '');
    return new ApiError(
        response.status,
        typeof text === 'string' ? text : `the daemon answered ${response.status}`,
        typeof problem.param === 'string' ? problem.param : null,
    );
}
