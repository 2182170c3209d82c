"""English text of docs/pipeline.md."""

from __future__ import annotations

from wallpaint.tensor_report.vocabulary import DocumentText

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
                                                                noise (the target) --> MSE loss <-------------'
                                                                                            |
                                                                              gradients, only for the LoRA

INFERENCE
once per scene  photo, walls --> crop --> image * (1 - mask) --> VAE encode --> masked-image latents 4
                                  '----> depth estimator --> depth --> ControlNet conditioning embedding
once per paint  colour --> reference image --> image encoder --> projector --> image tokens
every step      noisy latents 4, depth --> ControlNet --> residuals, added inside the UNet
                noisy latents 4 | mask 1 | masked-image latents 4 --> 9 --> UNet + LoRA + IP-Adapter --> noise
                noise --> scheduler --> less noisy latents 4
at the end      latents 4 --> VAE decode --> image --> composite --> the repainted photo"""

DOCUMENT = DocumentText(
    title="The pipeline, tensor by tensor",
    introduction="""\
wallpaint's diffusion painter is Stable Diffusion 1.5 inpainting, conditioned on the paint by an IP-Adapter and on the
room's depth by a ControlNet. This page lists every tensor of one LoRA training step and of one repaint: shape, type,
range, and the reason.

To list the tensors of your own models and photo:

    wallpaint trace --bundle DIR --photo room.jpg --mask wall.png -o trace.md

All numbers in the tables are generated. `wallpaint trace` runs the program's own training step and painter with
observers that record the shape, type and range of every tensor, and a test compares a new run with this page.""",
    flow_title="Data flow",
    flow=FLOW,
    reading_title="How to read the tables",
    reading="""\
- Shapes are [batch, channels, height, width] or [batch, tokens, width]. Image sizes are height, then width.
- The training step uses a batch of {batch}: a synthetic room and its mirror image. The repaint is of one paint in
  {steps} steps; the default is 20.
- In the diagram above a number after a name is its number of channels.
- "x 2" after a tensor's name: it was recorded at both steps, and its range covers both.
- The training step is that of the source document: it uses neither image prompt nor depth.""",
    full_title="Full size: the architecture of Stable Diffusion 1.5",
    small_title="Small: the `mini` architecture",
    small="""\
The same code and room with networks of under 20 million parameters and images of 256 px. All stages are the same; only
widths and sizes differ. The explanations above apply here too, except for the sizes in them.""",
    corrections_title="Corrections to the source document",
    corrections_introduction="""\
The pipeline was first described in a Vietnamese technical document. Most of it is right, and the tables above follow
its order. These statements are corrected:""",
    correction_columns=("document", "correct"),
    corrections=(
        (
            "the image encoder gives [1, 257, 1024] to the projector",
            "ViT-H/14 has {vision_tokens} hidden states of width {vision_width}. The base projector takes the pooled "
            "projection [1, {projection}]; IP-Adapter Plus takes the penultimate hidden states "
            "[1, {vision_tokens}, {vision_width}] and outputs 16 tokens",
        ),
        (
            "a 14 x 14 grid of patches",
            "{patch_px} px patches in a {grid} x {grid} grid: {patches} patches and the class token",
        ),
        (
            "the reference is normalised with mean and std 0.5",
            "with the image encoder's own mean and std, in training and inference",
        ),
        ("LANCZOS in inference, another filter in training", "one filter for both: bicubic with antialiasing"),
        ("the inference loop feeds the UNet 4-channel latents", "9 channels there too; the ControlNet takes the 4"),
        (
            "the blacked-out wall of the masked image",
            "image * (1 - mask) is 0 there, which is mid-grey for images in -1..1",
        ),
        (
            "hue error `abs(H1 - H2)` in HSV",
            "circular difference, 0 to 180 degrees; reported for HSV and for CIELAB, by name; undefined where chroma "
            "is under 2",
        ),
        (
            "LAB distance and Delta-E as two metrics",
            "CIE76 is the Lab distance. It is reported once, together with CIEDE2000; bands under 1, 1 to 2, 2 to 10, "
            "over 10",
        ),
        (
            "`kernel=(5, 5)` erodes 5 px a side",
            "the kernel is `np.ones((5, 5))`, and one iteration removes 2 px a side; wallpaint's radii are in pixels",
        ),
        (
            "the model's mask is eroded",
            "that leaves a ring of existing paint in the masked image, which the model learns to copy: erode "
            "masks to measure colours, dilate them for the model",
        ),
        (
            "colour extracted first, jitter afterwards",
            "jitter first, otherwise the reference has another colour than the image",
        ),
        (
            "30 % of references in random colours",
            "only if the target's wall has that colour too; otherwise the model learns to ignore the reference",
        ),
        ("`.byte()` to convert to 0..255", "truncates; wallpaint rounds"),
        ("an RTX 3060 Ti has 12 GB", "8 GB; the 3060 has 12"),
        (
            "B is [rank, out], A is [in, rank], W' = W + BA",
            "W' = W + (alpha / rank) B A, with A [rank, in] and B [out, rank]",
        ),
        (
            "z_t with alpha_t; t = 999 is pure noise",
            "z_t uses the cumulative product abar_t; at t = 999 {signal_left} of the signal is left",
        ),
        (
            'the depth map is the output of `pipeline("depth-estimation")`',
            "its 2 % and 98 % quantiles are scaled to 0..1, so that single near or far pixels do not compress the room",
        ),
        (
            "any photo is resized or cropped to 512 x 512",
            "a crop round the wall with context, at its aspect ratio, sides multiples of 64, about 512 x 512 in area",
        ),
        (
            "validation compares with the mean of a reference image",
            "it compares wall pixels of the result, without edges, with the paint; no random colours, flips or jitter",
        ),
    ),
    regenerate_title="Regenerating this page",
    regenerate="""\
    wallpaint models random sd15 DIR --dtype bfloat16
    wallpaint trace --docs docs/ --bundle DIR

writes this page, its Vietnamese version, and their traces in `pipeline.json`. The full-size bundle takes 5 GB of disk;
tracing it takes about {minutes} min on two CPU cores and {gigabytes} GB of memory. After a change to the text or
to the small bundle, `wallpaint trace --docs docs/` is enough: it keeps the full-size trace.""",
)
