"""Vietnamese text of docs/pipeline.vi.md."""

from __future__ import annotations

from wallpaint.tensor_report.vocabulary import DocumentText

FLOW = """\
HUẤN LUYỆN, một bước
                                               timestep
                                                   |
image ----------> mã hóa VAE --> latent 4 --> thêm nhiễu --> latent có nhiễu 4 -.
                                                   ^                            |
                                         nhiễu 4 --'                            |
mask -----------> nearest ---------------------------------> mặt nạ 1 ----------+--> 9 --> UNet + LoRA --> noise_pred 4
image * (1 - mask) -> mã hóa VAE ---------------> latent của ảnh đã che 4 ------'              ^              |
embedding của "" [77 token] -------------------------------------------------------------------'              |
                                                               nhiễu (đáp án) --> trung bình bình phương <----'
                                                                                             |
                                                                               gradient, chỉ tới LoRA

SUY LUẬN
một lần mỗi cảnh  ảnh, tường --> cắt ảnh --> image * (1 - mask) --> mã hóa VAE --> latent của ảnh đã che 4
                                    '------> ước lượng độ sâu --> depth --> các lớp đầu của ControlNet
một lần mỗi màu   màu sơn --> ảnh tham chiếu --> image encoder --> projector --> token ảnh
mỗi bước          latent có nhiễu 4, depth --> ControlNet --> residual, cộng vào bên trong UNet
                  latent có nhiễu 4 | mặt nạ 1 | latent của ảnh đã che 4 --> 9 --> UNet + LoRA + IP-Adapter --> nhiễu
                  nhiễu --> sampler --> latent có nhiễu 4, sạch hơn một chút
cuối cùng         latent 4 --> giải mã VAE --> ảnh --> ghép ảnh --> ảnh gốc đã sơn lại"""

DOCUMENT = DocumentText(
    title="Pipeline, từng tensor một",
    introduction="""\
Bộ sơn khuếch tán (diffusion) của wallpaint là Stable Diffusion 1.5 inpainting, được IP-Adapter cho biết màu sơn và được
ControlNet cho biết độ sâu của căn phòng. Trang này trình bày mọi tensor trên đường đi: qua một bước huấn luyện LoRA, và
qua một lần sơn lại.

Không con số nào trong các bảng được gõ tay. `wallpaint trace` chạy đúng bước huấn luyện và đúng bộ sơn của chương
trình, kèm một observer ghi lại shape, kiểu và khoảng giá trị của tất cả những gì đi qua, rồi viết ra các bảng này. Một
bài kiểm thử chạy lại và so sánh.

Để xem điều tương tự với mô hình và ảnh của chính bạn:

    wallpaint trace --lang vi --bundle DIR --photo room.jpg --mask wall.png -o trace.md""",
    flow_title="Luồng dữ liệu",
    flow=FLOW,
    reading_title="Cách đọc các bảng",
    reading="""\
- Shape có dạng [batch, kênh, cao, rộng] hoặc [batch, token, độ rộng]. Kích thước ảnh ghi chiều cao trước, chiều rộng
  sau.
- Bước huấn luyện dùng một batch gồm {batch} ảnh: một căn phòng vẽ bằng công thức và ảnh lật gương của nó. Lần sơn lại
  dùng một màu sơn với {steps} bước, trong khi thông thường là 20.
- Trong sơ đồ trên, con số sau mỗi tên là số kênh.
- "x 2" sau tên tensor: tensor xuất hiện ở cả hai bước, và khoảng giá trị tính chung cho cả hai.
- Bước huấn luyện là bước trong tài liệu mà dự án này khởi đầu: không có prompt bằng ảnh, không có độ sâu.""",
    full_title="Kích thước đầy đủ: kiến trúc của Stable Diffusion 1.5",
    small_title="Bản nhỏ: kiến trúc `mini`",
    small="""\
Vẫn mã nguồn ấy, căn phòng ấy, nhưng với các mạng có tổng cộng dưới 20 triệu tham số và ảnh 256 px. Đủ mọi giai đoạn,
chỉ khác độ rộng và kích thước. Các lời giải thích ở trên cũng đúng cho bản này, trừ những kích thước được nêu trong
đó.""",
    corrections_title="Những chỗ tài liệu gốc chưa đúng",
    corrections_introduction="""\
Pipeline này ban đầu được mô tả trong một tài liệu kỹ thuật tiếng Việt. Phần lớn nội dung là đúng, và các bảng ở trên
đi theo thứ tự của nó. Dưới đây là những chỗ chưa đúng, và điều đúng:""",
    correction_columns=("tài liệu viết", "thực tế"),
    corrections=(
        (
            "image encoder đưa [1, 257, 1024] vào projector",
            "ViT-H/14 có {vision_tokens} vector ẩn với độ rộng {vision_width}. Projector cơ bản nhận pooled projection "
            "[1, {projection}]; IP-Adapter Plus nhận [1, {vision_tokens}, {vision_width}] của lớp áp chót "
            "và cho ra 16 token",
        ),
        ("lưới patch 14 x 14", "patch {patch_px} px, lưới {grid} x {grid}: {patches} patch, thêm class token"),
        (
            "ảnh tham chiếu chuẩn hóa với 0.5",
            "chuẩn hóa theo trung bình và độ lệch chuẩn của chính image encoder, cả khi huấn luyện lẫn khi suy luận",
        ),
        (
            "suy luận dùng LANCZOS, huấn luyện dùng bộ lọc khác",
            "một bộ lọc cho cả hai: bicubic có khử răng cưa",
        ),
        (
            "vòng lặp suy luận đưa latent 4 kênh vào UNet",
            "ở đó cũng là chín kênh; chỉ ControlNet nhận 4 kênh",
        ),
        (
            "vùng tường trong ảnh đã che bị bôi đen",
            "image * (1 - mask) cho giá trị 0, và khi ảnh nằm trong -1..1 thì đó là màu xám trung tính",
        ),
        (
            "sai số hue `abs(H1 - H2)` trong HSV",
            "tính theo vòng tròn, 0 đến 180 độ; báo cáo cả hue HSV lẫn hue CIELAB, ghi rõ tên; không xác định khi "
            "chroma nhỏ hơn 2",
        ),
        (
            "LAB distance và Delta-E là hai metric",
            "CIE76 chính là khoảng cách Lab. Chỉ báo cáo một lần, kèm CIEDE2000; các mức: dưới 1, 1 đến 2, 2 đến 10, "
            "trên 10",
        ),
        (
            "`kernel=(5, 5)` co 5 px mỗi phía",
            "kernel phải là `np.ones((5, 5))`, và một lượt chỉ lấy đi 2 px mỗi phía; chương trình nhận bán kính tính "
            "bằng px",
        ),
        (
            "co mặt nạ mà mô hình nhìn thấy",
            "làm vậy sẽ để lộ một viền sơn cũ trong ảnh đã che và dạy mô hình sao chép: co lại ở nơi đo màu, nở ra ở "
            "nơi mô hình nhìn",
        ),
        (
            "trích màu trước, color jitter sau",
            "jitter trước, nếu không ảnh tham chiếu sẽ khác màu với ảnh huấn luyện",
        ),
        (
            "30 % ảnh tham chiếu có màu ngẫu nhiên",
            "chỉ hợp lý khi tường trong ảnh đích cũng có màu đó; nếu không, mô hình học cách bỏ qua ảnh tham chiếu",
        ),
        ("`.byte()` khi đổi về 0..255", "phép này cắt cụt phần lẻ; chương trình làm tròn"),
        ("RTX 3060 Ti có 12 GB", "8 GB; bản 3060 mới có 12 GB"),
        (
            "B [rank, out], A [in, rank], W' = W + BA",
            "W' = W + (alpha / rank) B A, với A [rank, in] và B [out, rank]",
        ),
        (
            "z_t dùng alpha_t; t = 999 là nhiễu thuần túy",
            "dùng abar_t, tức cumulative product; ở t = 999 vẫn còn {signal_left} tín hiệu",
        ),
        (
            'bản đồ độ sâu là đầu ra của `pipeline("depth-estimation")`',
            "phân vị 2 % và 98 % được đưa về 0..1, để vài điểm quá gần hoặc quá xa không làm dẹt cả căn phòng",
        ),
        (
            "mọi ảnh bị ép hoặc cắt về 512 x 512",
            "cắt quanh tường kèm một phần xung quanh, giữ tỉ lệ, mỗi cạnh là bội số của 64, diện tích khoảng 512 x 512",
        ),
        (
            "validation so với màu trung bình của ảnh tham chiếu",
            "so các điểm ảnh tường của kết quả (bỏ phần mép) với màu sơn; không lấy màu ngẫu nhiên, không lật, không "
            "jitter",
        ),
    ),
    regenerate_title="Viết lại trang này",
    regenerate="""\
    wallpaint models random sd15 DIR --dtype bfloat16
    wallpaint trace --docs docs/ --bundle DIR

Hai lệnh này viết lại trang này và bản tiếng Anh, cùng các con số trong `pipeline.json`. Bundle kích thước đầy đủ chiếm
5 GB đĩa; trace nó mất khoảng {minutes} phút trên hai nhân CPU và cần {gigabytes} GB bộ nhớ. Nếu chỉ sửa lời văn hoặc
bundle nhỏ thì `wallpaint trace --docs docs/` là đủ: các con số của bản đầy đủ được giữ nguyên.""",
)
