// @ts-check
/** The page's texts in Vietnamese. */

/** @type {Record<keyof typeof import("./en.js").texts, string>} */
export const texts = {
  skip: "Đến phần điều khiển", editing: "Chỉnh sửa", undo: "Hoàn tác", redo: "Làm lại", compare: "So sánh với ảnh gốc", compareSlider: "Vị trí đường chia giữa trước và sau",
  newPhoto: "Ảnh mới", language: "Ngôn ngữ", startTitle: "Xem tường nhà bạn trong màu mới", startLead: "Thả ảnh căn phòng vào đây. Tường được tự động nhận ra.",
  choosePhoto: "Chọn ảnh", takePhoto: "Chụp ảnh", privacy: "Ảnh chỉ nằm trên máy chủ này và bị xóa sau {hours} giờ, hoặc khi bạn xóa.", cancel: "Hủy",
  uploading: "Đang tải ảnh lên", reading: "Đang đọc ảnh", detecting: "Đang tìm tường", preparing: "Đang chuẩn bị bản xem trước",
  photo: "Ảnh", stageHelp: "Phím mũi tên di chuyển con trỏ trên ảnh, Enter dùng công cụ tại đó. Shift và mũi tên dời ảnh, dấu cộng và trừ phóng to thu nhỏ, 0 vừa khung.",
  before: "Trước", after: "Sau", tools: "Công cụ", toolSelect: "Chọn tường", toolBrush: "Cọ: thêm vào tường", toolErase: "Tẩy: bớt khỏi tường",
  toolAdd: "Sửa: đây là tường", toolRemove: "Sửa: đây không phải tường", toolEyedropper: "Lấy màu từ ảnh", brushSize: "Cỡ cọ", zoomIn: "Phóng to", zoomOut: "Thu nhỏ", zoomFit: "Vừa khung",
  controls: "Điều khiển", tabColor: "Màu", tabWalls: "Tường", tabVariants: "Phương án", tabSave: "Lưu", addWall: "Thêm tường", detectAgain: "Tìm lại",
  allWalls: "Mọi mảng tường", wallName: "Tường {n}", paintWall: "Sơn {name}", share: "{n} %", saturation: "Độ đậm", brightness: "Độ sáng", hue: "Sắc màu", hex: "Mã màu", noPaint: "Không sơn", recent: "Màu gần đây", palette: "Bảng màu",
  loadPalette: "Mở bảng màu", searchPalette: "Tìm trong bảng màu", paletteEmpty: "Mở tệp CSV hoặc JSON chứa các màu sơn của bạn.", paletteNone: "Không có màu nào phù hợp.", paletteMore: "Hiện {shown} trong {total} màu: hãy tìm để thấy các màu khác.",
  match: "Hiển thị màu", matchRoom: "trong ánh sáng căn phòng này", matchSwatch: "đúng như bảng màu", accuracy: "Sai khác dự kiến so với tường thật: khoảng {n} (từ {low} đến {high}), {word}",
  accuracySwatch: "Màu trung vị của tường đúng bằng màu này; tường thật còn tùy ánh sáng của phòng.", accuracyHelp: "CIEDE2000: dưới 2 khó nhận ra, trên 10 là màu khác. Ảnh không cho biết ánh sáng mạnh đến đâu; một gợi ý sẽ giúp ích.",
  errorSmall: "hầu như không thấy", errorMedium: "thấy được khi đặt cạnh bảng màu", errorLarge: "chưa chắc chắn: nên gợi ý thêm", oldColor: "Tường hiện đang màu gì?", tapWhite: "Chạm vào vật màu trắng", clearHints: "Bỏ gợi ý",
  helpWhite: "Chạm vào một vật màu trắng trong ảnh: giấy, trần nhà, khung cửa", helpEyedropper: "Chạm vào một màu trong ảnh", helpBrush: "Tô lên chỗ thuộc về tường", helpErase: "Tô lên chỗ không thuộc về tường", helpAdd: "Chạm vào bề mặt là tường", helpRemove: "Chạm vào bề mặt không phải tường",
  hintUsed: "Đã dùng gợi ý: sai khác dự kiến trước là {from}, nay là {to}", keepVariant: "Giữ phương án này", sideBySide: "Đặt cạnh nhau", variantFull: "Đã giữ tám phương án: hãy bỏ bớt một.", removeVariant: "Bỏ phương án {n}", useVariant: "Dùng phương án {n}", close: "Đóng", originalPhoto: "Ảnh gốc",
  format: "Định dạng tệp", formatOwn: "như ảnh gốc", keepLocation: "Giữ thông tin nơi chụp ảnh", texture: "Vân bề mặt từ ảnh (chậm)", download: "Tải về kích thước đầy đủ", sizeNote: "{w} × {h} điểm ảnh, đúng kích thước và hồ sơ màu của ảnh",
  deletePhoto: "Xóa ảnh này khỏi máy chủ", expires: "Ảnh sẽ tự bị xóa vào {date}.", deleted: "Ảnh và mọi thứ tạo từ ảnh đã bị xóa.", jobQueued: "Đang chờ: còn {n} việc phía trước", jobRunning: "Đang sơn ở kích thước đầy đủ", jobDone: "Tệp đã được tải về.", jobFailed: "Sơn không thành công: {detail}", jobCancelled: "Đã hủy.",
  seenAs: "Trong ảnh {seen}, màu sơn ước tính {paint}", nearestOf: "Gần nhất trong bảng màu", useIt: "Dùng", badColor: "Đây không phải mã màu: hãy gõ #7d9b84 hoặc 125 155 132.", offline: "Không kết nối được máy chủ. Công việc của bạn được giữ; vẫn xem trước được.", retry: "Thử lại", failed: "Không thực hiện được: {detail}", notPhoto: "Không dùng được tệp này: {detail}",
  expired: "Ảnh này không còn trên máy chủ. Hãy chọn lại; các màu của bạn được giữ.", busySaving: "Đang lưu tường", busyPreview: "Đang cập nhật bản xem trước", noWalls: "Không tìm thấy tường. Hãy tô bằng cọ, hoặc chạm bằng “Sửa: đây là tường”.", wallsFound: "Tìm thấy {n} mảng tường", wallFound: "Tìm thấy một mảng tường",
  detectReplaces: "Tường được tìm lại. Hoàn tác sẽ trả lại các nét cọ của bạn.", serverPreview: "Trình duyệt này không có WebGL 2: máy chủ tạo bản xem trước, hơi lâu một chút.", contextLost: "Bộ nhớ đồ họa bị mất và đã được khôi phục.", busyServer: "Máy chủ đang bận: thử lại sau {n} giây", painted: "{name} màu {color}", wallOn: "{name} được sơn", wallOff: "{name} giữ nguyên", chooseColor: "Dùng màu {color}", undone: "Đã hoàn tác", redone: "Đã làm lại", tooMany: "Có thể có tối đa {n} mảng tường.", pickWallFirst: "Hãy chọn một mảng tường trước.",
};
