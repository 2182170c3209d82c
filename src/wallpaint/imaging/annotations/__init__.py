"""Wall masks from annotation files: COCO, labelme, Label Studio and CVAT."""
