// Small hands for the document. Text goes in as text, always; what is already there is not
// written again, so that nothing is laid out anew for nothing.

export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
    const found = document.getElementById(id);
    if (!found)
        throw new Error(`no #${id} in the page`);
    return found as T;
}

export function part<T extends HTMLElement = HTMLElement>(parent: HTMLElement, selector: string): T {
    const found = parent.querySelector<T>(selector);
    if (!found)
        throw new Error(`no ${selector} in #${parent.id}`);
    return found;
}

export interface Props {
    class?: string;
    text?: string;
    title?: string;
    attrs?: Record<string, string>;
}

export function make<K extends keyof HTMLElementTagNameMap>(
    tag: K, props: Props = {}, ...children: Node[]
): HTMLElementTagNameMap[K] {
    const element = document.createElement(tag);
    if (props.class !== undefined)
        element.className = props.class;
    if (props.text !== undefined)
        element.textContent = props.text;
    if (props.title !== undefined)
        element.title = props.title;
    for (const [name, value] of Object.entries(props.attrs ?? {}))
        element.setAttribute(name, value);
    element.append(...children);
    return element;
}

/** The text node stays and changes its data: nothing is made, nothing is thrown away. */
export function setText(element: HTMLElement, text: string): void {
    const { firstChild } = element;
    if (firstChild instanceof Text && !firstChild.nextSibling) {
        if (firstChild.data !== text)
            firstChild.data = text;
    } else if (text !== '' || firstChild) {
        element.textContent = text;
    }
}

export function setTitle(element: HTMLElement, title: string): void {
    if (element.title !== title)
        element.title = title;
}

export function setClass(element: HTMLElement, name: string): void {
    if (element.className !== name)
        element.className = name;
}

export function setData(element: HTMLElement, key: string, value: string): void {
    if (element.dataset[key] !== value)
        element.dataset[key] = value;
}

export function setAttribute(element: Element, name: string, value: string): void {
    if (element.getAttribute(name) !== value)
        element.setAttribute(name, value);
}

export function setStyle(element: HTMLElement, name: string, value: string): void {
    if (element.style.getPropertyValue(name) !== value)
        element.style.setProperty(name, value);
}

export function setHidden(element: HTMLElement, hidden: boolean): void {
    if (element.hidden !== hidden)
        element.hidden = hidden;
}

/** Tells a screen reader what a key or a choice has done, where nothing that it reads shows that. */
export function say(text: string): void {
    setText(byId('said'), text);
}

/** Tells whether anything that a drawing depends on is another than last time. */
export function newer(): (...inputs: readonly unknown[]) => boolean {
    let last: readonly unknown[] = [];
    return (...inputs) => {
        const same = inputs.length === last.length && inputs.every((input, i) => Object.is(input, last[i]));
        last = inputs;
        return !same;
    };
}

/** A figure: what is read, its exact value for the pointer, and both for a script. */
export function setFigure(element: HTMLElement, text: string, title: string, value: number, ts: number): void {
    setText(element, text);
    setTitle(element, title);
    setData(element, 'value', String(value));
    setData(element, 'ts', String(ts));
}

/** A row of buttons of which one is pressed. Returns what marks the chosen one. */
export function choices<T extends string | number>(
    parent: HTMLElement, options: readonly (readonly [T, string])[], choose: (value: T) => void,
): (chosen: T) => void {
    const buttons = options.map(([value, text]) => {
        const button = make('button', { text, attrs: { type: 'button' } });
        button.addEventListener('click', () => { choose(value); });
        parent.append(button);
        return [value, button] as const;
    });
    return (chosen) => {
        for (const [value, button] of buttons)
            setAttribute(button, 'aria-pressed', String(value === chosen));
    };
}
