"""Vietnamese texts of a trace, in the terms of the source document."""

from __future__ import annotations

from wallpaint.tensor_report.text_vi import DOCUMENT
from wallpaint.tensor_report.vocabulary import Vocabulary

TRAINING = {
    "image": "Vùng ảnh cắt quanh tường: diện tích gần bằng kích thước mô hình quen dùng, mỗi cạnh là bội số của "
    "{multiple}, giữ nguyên tỉ lệ của ảnh. Giá trị 0..255 được đưa về -1..1, đúng khoảng giá trị mà VAE được huấn "
    "luyện.",
    "mask": "1 ở tường, 0 ở chỗ khác; trung bình chính là tỉ lệ diện tích tường. Mặt nạ được nở ra {dilation_px:g} px "
    "chứ không co lại: nếu để lộ một viền sơn cũ, mô hình sẽ chép theo viền đó.",
    "masked_image": "image * (1 - mask): vùng tường thành 0, mà trong khoảng -1..1 thì 0 là màu xám trung tính chứ "
    "không phải màu đen.",
    "latents": "Một mẫu lấy từ phân phối hậu nghiệm của VAE, nhân với scaling_factor {scaling}: mỗi ô "
    "{pixels_per_latent} x {pixels_per_latent} điểm ảnh thành một vị trí có 4 số. VAE bị đóng băng.",
    "masked_image_latents": "Ảnh đã che tường đi qua cùng VAE ấy, lấy mẫu và nhân hệ số như trên: đây là tất cả những "
    "gì UNet được biết về căn phòng.",
    "latent_mask": "Mặt nạ ở kích thước latent, nội suy kiểu nearest nên giá trị vẫn chỉ là 0 hoặc 1.",
    "noise": "Lấy từ N(0, 1). Khi mô hình dự đoán epsilon, đây mới là ground truth, không phải bức ảnh.",
    "timesteps": "Mỗi ảnh một giá trị từ 0 đến {last}, xác suất như nhau: ảnh bị thêm nhiễu đến mức nào.",
    "noisy_latents": "sqrt(abar_t) * latents + sqrt(1 - abar_t) * noise, với abar_t là cumulative product của 1 - "
    "beta. Ngay cả ở t = {last} vẫn còn {signal_left} tín hiệu, nên không bao giờ là nhiễu thuần túy.",
    "noisy_latents@0.0": "sqrt(abar_t) * latents + sqrt(1 - abar_t) * noise, với abar_t là cumulative product của 1 - "
    "beta. Ở t = {last} không còn tín hiệu nào: đó là nhiễu thuần túy (zero terminal SNR).",
    "text_embedding": "Chế độ zero-prompt: embedding cố định của chuỗi rỗng, lưu sẵn trong bundle và lặp lại cho từng "
    "ảnh. Text encoder không hề chạy.",
    "unet_input": "Chín kênh, đúng theo thứ tự: 4 kênh latent có nhiễu, 1 kênh mặt nạ, 4 kênh latent của ảnh đã che "
    "tường.",
    "noise_pred": "Kết quả dự đoán của UNet, cùng shape với latent.",
    "target": "Đáp án mà UNet cần dự đoán: chính là nhiễu (prediction_type epsilon).",
    "target@v_prediction": "Đáp án mà UNet cần dự đoán: sqrt(abar_t) * noise - sqrt(1 - abar_t) * latents "
    "(prediction_type v_prediction).",
    "loss": "Trung bình của bình phương sai lệch trên toàn bộ {elements:,} phần tử, tính bằng float32.",
    "lora_gradient": "Độ dài của toàn bộ gradient của LoRA, xem như một vector. B bắt đầu từ 0 nên ở bước đầu tiên "
    "gradient không tới được A: {lora_moved} trong {lora_tensors} ma trận sẽ thay đổi.",
}

UNET = {
    "time_embedding": "Timestep dưới dạng vector; mọi khối residual đều cộng nó vào.",
    "conv_in": "Lớp tích chập đầu tiên: từ 9 kênh lên số kênh riêng của UNet. UNet inpainting chỉ khác UNet thường "
    "(nhận 4 kênh) ở lớp này.",
    "lora_narrow": "Text sau ma trận A của LoRA gắn vào lớp key này: mỗi token còn {rank} số. Chính chỗ thắt lại này "
    "khiến LoRA nhỏ gọn; B đưa trở về độ rộng ban đầu.",
    "text_keys": "Key của lớp cross-attention đầu tiên, đã gồm LoRA: tính từ 77 token của text, value cũng vậy. Query "
    "thì lấy từ ảnh.",
    "down": "Tầng {level} trong {levels} tầng trên đường xuống; cuối tầng, chiều cao và chiều rộng giảm một nửa.",
    "down_last": "Tầng {level}, tầng thấp nhất, không giảm kích thước nữa.",
    "mid": "Ít vị trí nhất và nhiều kênh nhất: ở đây mỗi vị trí đều nhìn thấy mọi vị trí khác.",
    "up": "Tầng {level} trong {levels} tầng trên đường lên; nhận thêm những gì đường xuống để lại (skip connection) "
    "rồi tăng gấp đôi chiều cao và chiều rộng.",
    "up_last": "Tầng {level}, tầng cuối, không tăng kích thước nữa; thêm một lớp tích chập nữa là thành noise_pred.",
}

INFERENCE = {
    "image": "Cùng cách cắt và cùng bộ lọc thay đổi kích thước như khi huấn luyện.",
    "mask": "Như khi huấn luyện: nở ra {dilation_px:g} px.",
    "masked_image": "Tường là màu xám trung tính. Mỗi cảnh chỉ mã hóa một lần, dùng chung cho mọi màu sơn và mọi bước.",
    "latent_mask": "Nội suy kiểu nearest, như khi huấn luyện.",
    "depth_pixels": "Vùng ảnh theo dạng mà mô hình ước lượng độ sâu cần: vuông {depth_px} px, chuẩn hóa theo trung "
    "bình và độ lệch chuẩn của chính nó.",
    "inverse_depth": "Kết quả của mô hình độ sâu: giá trị lớn là gần, không có đơn vị cố định.",
    "depth": "Kéo giãn về 0..1 giữa hai phân vị 2 % và 98 %, gần là trắng; đưa về kích thước vùng ảnh, ba kênh giống "
    "nhau.",
    "control": "Độ sâu sau các lớp đầu của ControlNet, ở kích thước latent. Các lớp này không phụ thuộc nhiễu hay thời "
    "gian nên mỗi cảnh chỉ chạy một lần, không phải ở từng bước.",
    "noise": "Điểm xuất phát của vòng lặp. Được sinh trên CPU để cùng một seed cho cùng một ảnh trên mọi thiết bị.",
    "masked_image_latents": "Lấy mẫu và nhân hệ số như khi huấn luyện.",
    "text_embedding": "Vẫn là embedding cố định của chuỗi rỗng.",
    "reference": "Màu sơn dưới dạng ảnh: đúng màu đó, thêm chút gradient ánh sáng và nhiễu. Chuẩn hóa theo trung bình "
    "({mean}) và độ lệch chuẩn ({std}) của chính image encoder, không phải 0.5.",
    "image_embedding": "Các patch {patch_px} px xếp thành lưới {grid} x {grid}; thêm class token là "
    "{vision_tokens} vector ẩn có độ rộng {vision_width}. IP-Adapter cơ bản không dùng các vector này mà chỉ lấy "
    "pooled projection: một vector {projection} chiều.",
    "image_embedding@plus": "Các patch {patch_px} px xếp thành lưới {grid} x {grid}; thêm class token là "
    "{vision_tokens} vector có độ rộng {vision_width}. IP-Adapter Plus lấy tất cả, từ lớp áp chót.",
    "image_tokens": "Projector biến vector đó thành {image_tokens} token, có cùng độ rộng với token của text "
    "({text_width}).",
    "image_tokens@plus": "Resampler biến các vector đó thành {image_tokens} token, có cùng độ rộng với token của text "
    "({text_width}).",
    "timestep": "{steps} trong {train_steps} timestep, từ nhiễu nhiều đến sạch, do sampler chọn.",
    "noisy_latents": "Latent sau scale_model_input, bước mà một số sampler cần đến; với DDIM thì không có gì thay đổi.",
    "control_residual": "Phần ControlNet cộng vào khối giữa của UNet; {skips} phần khác được cộng vào các skip "
    "connection. ControlNet nhận 4 kênh latent có nhiễu, không phải chín.",
    "unet_input": "Chín kênh theo đúng thứ tự khi huấn luyện, ở mọi bước.",
    "image_keys": "Key mà IP-Adapter tính từ các token ảnh: một lớp cross-attention thứ hai, kết quả nhân với "
    "ip_adapter_scale rồi cộng vào kết quả của text.",
    "noise_pred": "Nhiễu mà UNet tìm thấy; sampler bỏ bớt một phần nhiễu này.",
    "noise_pred@v_prediction": "Giá trị sqrt(abar_t) * noise - sqrt(1 - abar_t) * latents mà UNet dự đoán; sampler "
    "tính nhiễu và latent từ đó.",
    "denoised_latents": "Sau bước cuối cùng.",
    "decoded_image": "Latent / {scaling} qua bộ giải mã của VAE. Phần vượt ra ngoài -1..1 bị cắt.",
    "result": "Ảnh ở kích thước đầy đủ, giữ nguyên kiểu mã màu của tệp gốc: tường đã sơn được áp lên dưới dạng một "
    "trường biến thiên mượt, giá trị được làm tròn (`.byte()` thì cắt cụt), và ở xa tường mọi bit đều là của ảnh gốc.",
}

VOCABULARY = Vocabulary(
    flows={
        "training": "Huấn luyện: một bước",
        "unet": "Bên trong UNet ở bước đó",
        "inference": "Suy luận: một lần sơn lại",
    },
    columns=("giai đoạn", "tensor", "shape", "kiểu dữ liệu", "min … max", "trung bình ± độ lệch chuẩn", "vì sao"),
    stages={
        "images": "ảnh",
        "encode": "mã hóa VAE",
        "shrink": "mặt nạ latent",
        "noise": "nhiễu",
        "text": "text",
        "unet": "UNet",
        "loss": "loss",
        "backward": "lan truyền ngược",
        "entry": "đầu vào",
        "attention": "cross-attention",
        "down": "đường xuống",
        "mid": "khối giữa",
        "up": "đường lên",
        "crop": "cắt ảnh",
        "depth": "độ sâu",
        "reference": "prompt bằng ảnh",
        "loop": "khử nhiễu",
        "decode": "giải mã VAE",
        "composite": "ghép ảnh",
    },
    explanations={"training": TRAINING, "unet": UNET, "inference": INFERENCE},
    count_title="Số tham số",
    count_columns=("thành phần", "số tham số", "khi huấn luyện", "khi suy luận"),
    components={
        "unet": ("UNet", "đóng băng", "chạy ở mọi bước"),
        "lora": (
            "LoRA, rank {rank}, trên {lora_layers} lớp",
            "được học: {share:.4%} của UNet",
            "gộp vào trọng số của UNet",
        ),
        "vae": ("VAE", "đóng băng; chỉ mã hóa", "mã hóa một lần mỗi cảnh, giải mã từng ảnh"),
        "text_encoder": ("text encoder", "không chạy", "chỉ chạy khi có prompt"),
        "controlnet": ("ControlNet (độ sâu)", "không dùng", "chạy ở mọi bước"),
        "image_encoder": ("image encoder", "không dùng", "một lần mỗi màu sơn"),
        "image_projector": ("IP-Adapter: projector", "không dùng", "một lần mỗi màu sơn"),
        "image_keys_values": ("IP-Adapter: key và value", "không dùng", "chạy ở mọi bước, bên trong UNet"),
        "depth": ("mô hình ước lượng độ sâu", "không dùng", "một lần mỗi cảnh"),
    },
    mask_title="Mặt nạ co ở đâu, nở ở đâu",
    mask_columns=("mặt nạ", "bán kính", "độ phủ", "vì sao"),
    masks={
        "given": ("mặt nạ do người dùng vẽ", "Ở kích thước của ảnh; mép mềm được đo lại trên chính bức ảnh."),
        "wall_core": (
            "phần chắc chắn là tường",
            "Co lại: trung vị màu của tường được đo ở đây, nơi không lẫn màu đồ đạc.",
        ),
        "untouched": ("vùng sơn được phép chạm tới", "Nở ra: mọi điểm ảnh bên ngoài giữ nguyên từng bit của ảnh gốc."),
        "resized": ("mặt nạ ở kích thước của mô hình", "Thu nhỏ theo trung bình diện tích, rồi lấy ngưỡng một nửa."),
        "model": (
            "mặt nạ của mô hình, cả khi huấn luyện lẫn khi suy luận",
            "Nở ra: ảnh đã che không được để lộ viền sơn cũ, nếu không mô hình sẽ học cách chép lại viền đó.",
        ),
        "document": (
            "phép co của tài liệu gốc",
            "Kernel 5 x 5 lấy đi 2 px mỗi phía, không phải 5. Ở đây không dùng: phần tường nằm giữa mặt nạ này và mặt "
            "nạ đã vẽ sẽ bị lộ ra.",
        ),
        "painted": (
            "phần được giữ lại của bức tường đã sơn",
            "Co lại ở kích thước của mô hình: gần mép, mô hình giải mã tường và đồ đạc lẫn vào nhau. Phần này được lấp "
            "bằng màu từ phía trong.",
        ),
        "measured": ("nơi validation đo màu", "Co lại: điểm ảnh ở mép không mang màu của tường."),
    },
    sentences={
        "bundle": "Bundle {bundle}. Chạy trên {device}, mạng dùng {dtype}, seed {seed}, batch {batch}.",
        "random": "Trọng số là ngẫu nhiên và chưa từng được huấn luyện: shape, kiểu dữ liệu và số tham số giống hệt mô "
        "hình đã huấn luyện, còn khoảng giá trị ở đầu ra của các mạng thì không.",
        "gradients": "Sau lượt lan truyền ngược, {lora_moved} trong {lora_tensors} ma trận của LoRA có gradient khác 0 "
        "(các ma trận B; A sẽ theo sau khi B không còn bằng 0); trong {frozen_tensors} tensor khác của UNet và VAE, số "
        "tensor có gradient khác 0 là {frozen_moved}.",
        "seconds": "Bước huấn luyện {training} s, sơn lại {inference} s, dùng nhiều nhất {gigabytes:.1f} GB bộ nhớ.",
    },
    document=DOCUMENT,
)
