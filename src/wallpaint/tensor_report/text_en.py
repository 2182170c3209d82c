"""docs/pipeline.md: all of it that is not a table of numbers."""

from __future__ import annotations

from wallpaint.tensor_report.vocabulary import Document

FLOW = """\
TRAINING, one step
                                                 timestep
                                                     |
image ------------> VAE encode --> latents 4 --> add noise --> noisy latents 4 -.
                                                     ^                          |
                                           noise 4 --'                          |
mask -------------> nearest ---------------------------------> mask 1 ----------+--> 9 --> UNet + LoRA --> noise_pred 4
image * (1 - mask) -> VAE encode ----------------> masked-image latents 4 ------'              ^              |
embedding of "" [77 tokens] -------------------------------------------------------------------'              |
                                                                noise (the target) --> mean square <----------'
                                                                                            |
                                                                              gradients, to the LoRA alone

INFERENCE
once a scene   photo, walls --> crop --> image * (1 - mask) --> VAE encode --> masked-image latents 4
                                  '----> depth estimator --> depth --> the ControlNet's stem
once a paint   colour --> reference picture --> image encoder --> projector --> image tokens
every step     noisy latents 4, depth --> ControlNet --> residuals, added inside the UNet
               noisy latents 4 | mask 1 | masked-image latents 4 --> 9 --> UNet + LoRA + IP-Adapter --> noise
               noise --> sampler --> noisy latents 4, a little cleaner
at the end     latents 4 --> VAE decode --> picture --> composite --> the photo, repainted"""

DOCUMENT = Document(
    title="The pipeline, tensor by tensor",
    introduction="""\
wallpaint's diffusion painter is Stable Diffusion 1.5 inpainting, told the paint by an IP-Adapter and the room's depth
by a ControlNet. This page shows every tensor on the way: through one training step of the LoRA, and through one
repaint.

No number in the tables is typed by hand. `wallpaint trace` runs the program's own training step and its own painter
with an observer that notes shape, type and range of whatever passes, and writes these tables. A test runs it again and
compares.

To see the same of your own models and your own photo:

    wallpaint trace --bundle DIR --photo room.jpg --mask wall.png -o trace.md""",
    flow_title="The flow",
    flow=FLOW,
    reading_title="How to read the tables",
    reading="""\
- Shapes are [batch, channels, height, width], or [batch, tokens, width]. Sizes of pictures are height, then width.
- Training works on a batch of {batch}: a room drawn by arithmetic, and its mirror image. The repaint is of one paint in
  {steps} steps, where 20 are usual.
- In the picture above a number behind a name is its channels.
- "x 2" behind a tensor's name: it was seen at both steps, and its range is that of both.
- The training step is the one of the document that this project began with: it has neither image prompt nor depth.""",
    full_title="Full size: the architecture of Stable Diffusion 1.5",
    small_title="Small: the `mini` architecture",
    small="""\
The same code on the same room with networks of under 20 million parameters and pictures of 256 px. Every stage is
there; only widths and sizes differ. The explanations above hold here too, but for the sizes that they name.""",
    corrections_title="What the document had wrong",
    corrections_introduction="""\
The pipeline was first written down as a Vietnamese technical document. Most of it is right, and the tables above
follow its order. What was wrong, and what is true:""",
    correction_columns=("it says", "true"),
    corrections=(
        (
            "the image encoder gives [1, 257, 1024] to the projector",
            "ViT-H/14 has {seen} hidden vectors of width {vision_width}. The base projector takes the pooled "
            "projection [1, {projection}]; IP-Adapter Plus takes [1, {seen}, {vision_width}] of the last layer but one "
            "and makes 16 tokens",
        ),
        (
            "a 14 x 14 grid of patches",
            "{patch_px} px patches in a {grid} x {grid} grid: {patches}, and the class token",
        ),
        (
            "the reference is normalised by 0.5",
            "by the image encoder's own mean and deviation, in training and inference alike",
        ),
        ("LANCZOS in inference, another filter in training", "one filter for both: bicubic, anti-aliased"),
        ("the loop gives the UNet the 4-channel latents", "nine channels there too; the ControlNet takes the 4"),
        (
            "the blacked-out wall of the masked image",
            "image * (1 - mask) is 0 there, which is mid-grey when pictures are -1..1",
        ),
        (
            "hue error `abs(H1 - H2)` in HSV",
            "round the circle, 0 to 180 degrees; given for HSV and for CIELAB, by name; undefined where chroma is "
            "under 2",
        ),
        (
            "LAB distance and Delta-E as two metrics",
            "CIE76 is the Lab distance. It is given once, with CIEDE2000 beside it; bands under 1, 1 to 2, 2 to 10, "
            "over 10",
        ),
        (
            "`kernel=(5, 5)` erodes 5 px a side",
            "the kernel is `np.ones((5, 5))`, and one pass takes 2 px a side; the program's radii are in pixels",
        ),
        (
            "the model's mask is eroded",
            "that leaves a ring of old paint in the masked image, which teaches copying: eroded where colours are "
            "measured, dilated where the model looks",
        ),
        (
            "colour extracted first, jitter afterwards",
            "jitter first, or the reference is of another colour than the picture",
        ),
        (
            "30 % of references in random colours",
            "only if the target's wall has that colour too; else the model learns to ignore the reference",
        ),
        ("`.byte()` on the way to 0..255", "truncates; values are rounded"),
        ("an RTX 3060 Ti has 12 GB", "8 GB; the 3060 has 12"),
        (
            "B is [rank, out], A is [in, rank], W' = W + BA",
            "W' = W + (alpha / rank) B A, with A [rank, in] and B [out, rank]",
        ),
        (
            "z_t with alpha_t; t = 999 is pure noise",
            "with the cumulative product abar_t; at t = 999 {signal_left} of the signal is left",
        ),
        (
            "any photo squeezed or cut to 512 x 512",
            "a crop round the wall with some of its surroundings, its shape kept, sides multiples of 64, about 512 x "
            "512 in area",
        ),
        (
            "validation compares with the mean of a reference picture",
            "wall pixels of the result, edges left out, with the paint; without random colours, flips or jitter",
        ),
    ),
    again_title="Writing this page again",
    again="""\
    wallpaint models random sd15 DIR --dtype bfloat16
    wallpaint trace --docs docs/ --bundle DIR

writes this page and its Vietnamese sister, and their numbers into `pipeline.json`. The full-size bundle takes 5 GB of
disk; tracing it takes about {minutes} minutes on two CPU cores, and {gigabytes} GB of memory. After a change to words
or to the small bundle `wallpaint trace --docs docs/` does: it keeps the full-size numbers that are there.""",
)
