// What a trace says of the page's main thread: how long each update took it, in CPU time (`tdur`)
// and by the clock (`dur`), and of what.

const PHASES = [
    ['script', /^(FunctionCall|EvaluateScript|TimerFire|FireAnimationFrame|v8\.|RunMicrotasks|BlinkScheduler_PerformMicrotaskCheckpoint)/],
    ['collection', /^(MinorGC|MajorGC|V8\.GC|CppGC|BlinkGC|Heap)/],
    ['style', /^(Document::(recalcStyle|updateStyle|rebuildLayoutTree)|UpdateLayoutTree)/],
    ['layout', /^(Layout$|LocalFrameView::(performLayout|layout|UpdateStyleAndLayout)|InlineNode|.*ShapeText)/],
    ['paint', /^(Paint|PrePaint|Blink\.(PrePaint|Paint|CompositingInputs)|CullRect|LayerTreeHost|UpdateLayer|Commit|Canvas|Layerize|LocalFrameView::RunPaint)/],
];

/** The main thread that has the most work: the page's, not that of the browser's own. */
function mainThread(events) {
    const mains = new Map();
    for (const event of events)
        if (event.name === 'thread_name' && event.args.name === 'CrRendererMain')
            mains.set(`${event.pid}.${event.tid}`, { tasks: [], busy: 0 });
    for (const event of events) {
        const thread = mains.get(`${event.pid}.${event.tid}`);
        if (!thread || event.ph !== 'X')
            continue;
        thread.tasks.push(event);
        thread.busy += event.dur ?? 0;
    }
    const [busiest] = [...mains.values()].sort((a, b) => b.busy - a.busy);
    return busiest.tasks.sort((a, b) => a.ts - b.ts || (b.dur ?? 0) - (a.dur ?? 0));
}

/** Milliseconds of each whole second, CPU and wall. */
export function secondsOf(events) {
    const tasks = mainThread(events);
    const seconds = new Map();
    let end = 0;
    for (const { ts, dur = 0, tdur = 0 } of tasks) {
        if (ts < end)
            continue;
        end = ts + dur;
        const n = Math.floor((ts - tasks[0].ts) / 1e6);
        const second = seconds.get(n) ?? { cpu: 0, wall: 0 };
        seconds.set(n, { cpu: second.cpu + tdur / 1000, wall: second.wall + dur / 1000 });
    }
    return [...seconds.values()].slice(0, -1);
}

/** CPU milliseconds a second by kind of work; what a kind calls of another is that other's. */
export function phasesOf(events) {
    const tasks = mainThread(events);
    const sums = Object.fromEntries([...PHASES.map(([name]) => [name, 0]), ['other', 0]]);
    const kind = ({ name }) => PHASES.find(([, pattern]) => pattern.test(name))?.[0];
    const open = [];
    for (const task of tasks) {
        while (open.length > 0 && open.at(-1).end <= task.ts)
            open.pop();
        const parent = open.at(-1);
        const own = kind(task) ?? parent?.kind ?? 'other';
        const cpu = (task.tdur ?? 0) / 1000;
        sums[own] += cpu;
        if (parent)
            sums[parent.kind] -= cpu;
        open.push({ end: task.ts + (task.dur ?? 0), kind: own });
    }
    const span = (tasks.at(-1).ts - tasks[0].ts) / 1e6;
    return Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, sum / span]));
}
