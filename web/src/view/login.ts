// The way in: a form for the token where the daemon wants one, and the way out again. The token
// is traded for a session cookie that no script can read, and kept nowhere here.

import { ApiError, post } from '../api';
import type { LoginReason, Store } from '../state';
import { byId, part, setHidden, setText } from './dom';

const SENTENCES: Record<LoginReason, string> = {
    needed: 'This daemon shows its traffic only to who has its token: the one it was started with (option auth-token or auth-token-file).',
    expired: 'Your session has ended, and what it showed was taken off the page. Log in again to go on.',
    out: 'You are logged out, and what was shown was taken off the page.',
};

export interface LoginActions {
    entered: () => void;
    left: () => void;
}

export function login(store: Store, { entered, left }: LoginActions): void {
    const panel = byId('login');
    const form = part<HTMLFormElement>(panel, 'form');
    const token = byId<HTMLInputElement>('token');
    const button = part<HTMLButtonElement>(form, 'button');
    const error = byId('login-error');
    const leave = byId('logout');
    let wait = 0;

    const tell = (message: string) => {
        setText(error, message);
        token.setAttribute('aria-invalid', String(message !== ''));
    };
    const hold = (seconds: number) => {
        clearTimeout(wait);
        button.disabled = seconds > 0;
        tell(seconds > 0 ? `Too many wrong tokens in a short time. The daemon takes the next one in ${seconds} s.` : '');
        if (seconds > 0)
            wait = window.setTimeout(() => { hold(seconds - 1); }, 1000);
    };
    const enter = async () => {
        button.disabled = true;
        try {
            await post('/login', { token: token.value.trim() });
            token.value = '';
            tell('');
            entered();
        } catch (problem) {
            if (problem instanceof ApiError && problem.status === 429) {
                hold(Math.max(1, problem.retryAfterS));
                return;
            }
            tell(sentenceOf(problem));
            token.select();
        }
        button.disabled = false;
    };

    form.addEventListener('submit', (event) => {
        event.preventDefault();
        if (!button.disabled)
            void enter();
    });
    leave.addEventListener('click', () => {
        void post('/logout', {}).catch(() => undefined).finally(left);
    });

    let asked = false;
    store.onRender(({ link, stats }) => {
        const wanted = link.kind === 'token';
        const leaves = !wanted && panel.contains(document.activeElement);
        setHidden(panel, !wanted);
        document.documentElement.classList.toggle('locked', wanted);
        if (wanted)
            setText(part(panel, 'p'), SENTENCES[link.reason]);
        // A script cannot see the cookie: the daemon says whether it came with one.
        setHidden(leave, wanted || !stats?.session);
        if (wanted && !asked)
            token.focus();
        // Who came in goes on with the page, by keyboard as well.
        if (leaves)
            byId('page').focus();
        asked = wanted;
    });
}

function sentenceOf(problem: unknown): string {
    if (!(problem instanceof ApiError))
        return String(problem);
    if (problem.status === 401)
        return 'That is not this daemon\u2019s token.';
    return problem.status === 0 ? 'The daemon does not answer. Is netwatchd running?' : problem.message;
}
