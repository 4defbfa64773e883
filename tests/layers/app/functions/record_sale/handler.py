from functions.contracts.sales import Sold
from millrace.runtime import SpeedView, processor


@processor
def handler(sold: Sold, sales: SpeedView) -> None:
    sales.record(sold, day=sold.day, data={"cents": sold.cents}, amounts={"orders": 1, "cents": sold.cents})
