/** The sound of an alarm: two tones, three times, made here, so that nothing has to be loaded. Browsers play none before a tap. */

/** Two tones that are heard beside people who talk, and are no telephone's (Hz, s). */
const TONES = [880, 660];
const TONE_S = 0.18;
const REST_S = 0.35;
const TIMES = 3;
const LOUDNESS = 0.25;

export class Sound {
  /** @type {AudioContext | null} */
  #context = null;
  #make;
  #told;

  /**
   * @param {(state: "on" | "refused") => void} told  Whether alarms are heard.
   * @param {() => AudioContext} [make]
   */
  constructor(told, make = () => new AudioContext()) {
    this.#told = told;
    this.#make = make;
  }

  /** Whether the browser lets this page be heard. A tap on "turn the sound on" comes here, too. */
  async ready() {
    try {
      this.#context ??= this.#make();
      // Where nobody has tapped on the page yet, this waits for a tap, for as long as that takes.
      if (this.#context.state !== "running") await Promise.race([this.#context.resume(), later()]);
      const on = this.#context.state === "running";
      this.#told(on ? "on" : "refused");
      return on;
    } catch {
      this.#told("refused"); // no sound card, a setting that forbids it
      return false;
    }
  }

  /** The first tap or key anywhere lets the page be heard. @param {EventTarget} target */
  whenTouched(target) {
    for (const type of ["pointerup", "keydown"]) target.addEventListener(type, () => void this.ready(), { once: true });
  }

  /** An alarm. */
  async ring() {
    if (!(await this.ready()) || this.#context === null) return;
    const context = this.#context;
    const volume = new GainNode(context, { gain: LOUDNESS });
    volume.connect(context.destination);
    for (let time = 0; time < TIMES; time += 1) {
      const from = context.currentTime + time * (TONES.length * TONE_S + REST_S);
      for (const [index, frequency] of TONES.entries()) {
        const tone = new OscillatorNode(context, { frequency, type: "triangle" });
        tone.connect(volume);
        tone.start(from + index * TONE_S);
        tone.stop(from + (index + 1) * TONE_S);
      }
    }
  }
}

/** So long a browser may take to begin; one that refuses never does (ms). */
const later = () => new Promise((resolve) => setTimeout(resolve, 500));
